"""The TensorBoard output of a run, in two event folders: `train` and `validation`."""
