"""Numbers from probabilities and labels. Arrays in, numbers out; no TensorFlow."""
