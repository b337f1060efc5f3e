"""What TensorBoard shows of a run, in two event folders: `train` and `validation`."""
