"""Formats in which weights are quantized: what the numbers in a file mean, one page per format.

Each module packs, unpacks and tells where its definition stands. NumPy alone; shapes are given as (rows, columns), rows
being the outputs of a layer and columns its inputs, as PyTorch's Linear keeps them. What several formats share:
`words` (small integers in 32-bit words), `grouped` (integers with a scale for each group), `ggml_blocks` (the blocks of
a GGUF that hold such integers as they are) and `error`.
"""
