"""Everything that touches procrastinate's tables."""
