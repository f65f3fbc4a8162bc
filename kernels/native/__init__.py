"""Runtime packs: llama.cpp built from the source archive of exactly the llama-cpp-python that is in use.

`python -m kernels.native build --backend vulkan --out DIR` makes the folder DIR/vulkan, `… check DIR/vulkan` runs it.
CMakePresets.json says how each is configured, `recipes` what each is and needs. Knows nothing of `app`; the check
drives the program's command line, as a person would.
"""
