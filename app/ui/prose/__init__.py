"""What a model writes, as it is read: Markdown with code and mathematics, laid out while it comes, harmless whatever
it says. `blocks` cuts a growing text into blocks, `parser` reads them (both without Qt), `writer` puts them into a
document.
"""
