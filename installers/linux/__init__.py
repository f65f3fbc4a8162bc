"""Nibble for Linux: a Debian package and a portable archive. Main entry: `package`."""
