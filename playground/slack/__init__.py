"""A stand-in Slack workspace: strict with the bot, and with people in it. See workspace.Workspace."""
