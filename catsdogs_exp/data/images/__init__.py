"""Turns a file's bytes into the network's input pixels, and caches decoded images."""
