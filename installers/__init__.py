"""What makes of this checkout something that people install: a frozen program, and the packages around it.

Imports nothing of `app` and `kernels`, and is no part of the program. Main entry: `python installers/build.py`.
"""
