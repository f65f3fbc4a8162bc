"""The application bundle for macOS and the disk image that brings it; main entry: `package.package`.

`info` and `bundle` complete what PyInstaller made, `signing` signs it, `notarizing` has Apple look at it, `image` makes
the disk image.
"""
