"""Where images come from: each source turns its settings into a list of files with classes and splits."""
