"""One run: its job, its network, its plan, and the training itself."""
