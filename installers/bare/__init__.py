"""A bare Debian root, a screen and a person at it; for `installers.bare_debian`."""
