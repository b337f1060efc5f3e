"""Interleaved comparisons behind the targets: `python -m benchmarks NAME` prints a table. No part of the wheel."""
