"""What is not sent to VirusTotal: internal names, and URLs that hold a secret."""
