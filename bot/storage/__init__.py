"""What is stored: the tables, by subject, and the ports of handlers and vt that they serve."""
