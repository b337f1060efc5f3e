"""The Python interface, for notebooks and scripts: train, sweep, and look at runs as objects."""
