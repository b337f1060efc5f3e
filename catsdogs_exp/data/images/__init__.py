"""From the bytes of a file to the pixels that a network sees, and the cache of decoded images."""
