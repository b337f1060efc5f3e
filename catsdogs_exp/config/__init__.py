"""The schema, its checks, and where configs are found."""
