"""How VirusTotal writes a URL."""

import re
from urllib.parse import urlsplit, urlunsplit

HOST = re.compile(r"\[[0-9a-f:.]+\]|[^\s.\[\]]+(\.[^\s.\[\]]+)+\.?")


def normalised(text: str) -> str | None:
    """With a scheme (http, when it has none), a lower-case host and a path; None when it is no URL."""
    text = text.strip()
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        host = (parts.hostname or "").lower()
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return None
    host = f"[{host}]" if ":" in host else host
    if parts.scheme not in {"http", "https", "ftp"} or not HOST.fullmatch(host) or re.search(r"\s", text):
        return None
    user, at, _ = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=user + at + host + port, path=parts.path or "/"))
