"""One module per command: arguments in, tables and pictures out."""
