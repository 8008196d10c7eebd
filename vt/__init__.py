"""VirusTotal v2: indicators in, findings out. Knows nothing of Slack and nothing of the process."""

from vt.indicators import extract

__all__ = ["extract"]
