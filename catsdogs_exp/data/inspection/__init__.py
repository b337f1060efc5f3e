"""What is wrong with the images: a verdict for each file, findings between files, and what they mean for a run."""
