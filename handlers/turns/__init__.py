"""What a stored job does: one file per family of requests."""
