"""One module a command: arguments in, tables and pictures out."""
