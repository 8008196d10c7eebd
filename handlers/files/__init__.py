"""Files on their way to VirusTotal: where they come from, who agrees, how far they are."""
