"""The window: everything a person sees, and the only room that imports PySide6.

May import every other room, but calls it through Jobs where that takes longer than 50 ms, and late
where an import would hold up the start (the window opens without NumPy, llama.cpp or psutil). Main
entry: `run_application()`. One file per page in `pages/`; a page is added by one line in `window.PAGES`.
"""
