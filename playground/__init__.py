"""The stand-ins: a VirusTotal, a Slack workspace, and its page. Nothing but the try-out commands imports them."""
