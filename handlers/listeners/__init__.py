"""One file per way in from Slack: verify, store, acknowledge."""
