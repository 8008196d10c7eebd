"""Files to be scanned: where they are stored, how they are read safely, and how they get to VirusTotal."""

from vt.files.provider import BLOCK_BYTES, FileProvider, Source, VerifiedSource, digest

__all__ = ["BLOCK_BYTES", "FileProvider", "Source", "VerifiedSource", "digest"]
