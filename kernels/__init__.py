"""Everything that touches numbers or native code. Imports nothing of `app`, which may import this."""
