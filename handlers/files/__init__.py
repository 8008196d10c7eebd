"""Files that people ask about: consent to uploads, downloads from Slack, and logins that people type."""
