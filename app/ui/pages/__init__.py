"""The pages of the window. Each is made from `Services`, emits signals, and knows no other page."""
