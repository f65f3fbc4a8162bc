"""What the frozen program does first (a runtime hook of PyInstaller).

PyInstaller's starter names the program's folder in LD_LIBRARY_PATH and starts it again, so that its libraries are
found. They are by then; what the program starts itself (a browser, the bin, another program's converter) must not be
given ours instead of the system's.
"""

import os
import sys

if sys.platform.startswith("linux"):
    before = os.environ.pop("LD_LIBRARY_PATH_ORIG", None)
    if before is None:
        os.environ.pop("LD_LIBRARY_PATH", None)
    else:
        os.environ["LD_LIBRARY_PATH"] = before
