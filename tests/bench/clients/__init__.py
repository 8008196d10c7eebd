"""Clients that the bot is measured beside, each a program of its own: vt-py's package is called vt, as ours is."""
