"""The rows of `tests.bench.bench_runtime`, one module for what is measured in the same way."""
