"""One file per table, named after the port it serves."""
