"""Slack in and out. `handlers.listeners.register` is the bot's whole surface on one screen."""
