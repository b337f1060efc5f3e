"""From a file's bytes to the pixels that a network sees, and the cache of decoded images."""
