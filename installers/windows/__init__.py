"""The installer for Windows and the portable archive; main entry: `package.package`.

`setup.iss` is the installer's definition, compiled by Inno Setup; `version_info` and `nibble.manifest` are what the
executables carry; `runtime_libraries` sees that Microsoft's C++ libraries come along; `signing` signs.
"""
