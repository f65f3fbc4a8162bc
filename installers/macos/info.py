"""What the bundle says of itself to macOS: Info.plist.

Keys are Apple's (Information Property List reference). None asks for anything of a person's that Nibble does not use:
there are no usage descriptions, since it neither listens, looks, nor reads contacts, photos or places.
"""

from __future__ import annotations

import time
from typing import Any

from installers.release import Release

MODEL_TYPE = "app.nibble.gguf"
"""The uniform type of a model's file. Nobody has declared one for GGUF; Nibble did not invent the format, so it is
imported, not exported: the declaration gives way to that of whoever does."""


def information(release: Release, minimum_system: tuple[int, int]) -> dict[str, Any]:
    """The keys of Info.plist for a bundle that runs from macOS `minimum_system` on."""
    return {
        "CFBundleDevelopmentRegion": "en",
        "CFBundleDisplayName": release.name,
        "CFBundleDocumentTypes": [
            {
                "CFBundleTypeName": "GGUF model",
                "CFBundleTypeIconFile": "gguf.icns",
                # Files are read, never written, and another program that has them keeps them.
                "CFBundleTypeRole": "Viewer",
                "LSHandlerRank": "Alternate",
                "LSItemContentTypes": [MODEL_TYPE],
            }
        ],
        "CFBundleExecutable": release.command,
        "CFBundleIconFile": "nibble.icns",
        "CFBundleIdentifier": release.identifier,
        "CFBundleInfoDictionaryVersion": "6.0",
        "CFBundleName": release.name,
        "CFBundlePackageType": "APPL",
        "CFBundleShortVersionString": release.version,
        "CFBundleVersion": release.version,
        "LSApplicationCategoryType": "public.app-category.productivity",
        "LSMinimumSystemVersion": ".".join(map(str, minimum_system)),
        "NSHighResolutionCapable": True,
        "NSHumanReadableCopyright": (
            f"Copyright {time.gmtime(release.made_at).tm_year} {release.publisher}. {release.licence}."
        ),
        "NSPrincipalClass": "NSApplication",
        # The window follows the system's light or dark setting.
        "NSRequiresAquaSystemAppearance": False,
        # A window of widgets is no reason for a Mac with two graphics processors to run on the larger one.
        "NSSupportsAutomaticGraphicsSwitching": True,
        "UTImportedTypeDeclarations": [
            {
                "UTTypeIdentifier": MODEL_TYPE,
                "UTTypeDescription": "GGUF model",
                "UTTypeConformsTo": ["public.data"],
                "UTTypeIconFile": "gguf.icns",
                "UTTypeReferenceURL": "https://github.com/ggml-org/ggml/blob/master/docs/gguf.md",
                "UTTypeTagSpecification": {"public.filename-extension": ["gguf"]},
            }
        ],
    }
