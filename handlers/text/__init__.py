"""Sentences that people read in Slack and in the terminal, a module for each subject, so that they can be translated."""
