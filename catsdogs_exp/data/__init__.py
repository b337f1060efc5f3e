"""From sources of images to batches."""
