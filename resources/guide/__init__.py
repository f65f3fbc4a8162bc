"""The guide: Nibble's built-in model, its corpus, how it is trained and how it is judged."""
