"""Interleaved comparisons behind the targets: `python -m benchmarks NAME` prints a table. Not part of the wheel."""
