"""Findings, modals and the home as Block Kit. Pure."""
