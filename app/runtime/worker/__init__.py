"""The other end of the protocol: the only code that imports `llama_cpp`.

Runs in a process of its own (`run_worker`), holds at most one model, and may die at any time
without taking anything with it. Imports `app.core` and `app.runtime.protocol` only.
"""
