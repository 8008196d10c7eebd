"""What was asked of the stand-in, for tests to count and read. The key is never kept."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that arrived, by its digests; the bytes are not kept."""

    name: str
    size: int
    md5: str
    sha1: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Call:
    """One request.

    `endpoint` is the path below the root ("file/report"). The large-file location, which stands for another host,
    is called "large/upload_url" where the redirect leads and "large/upload" where the file goes.
    """

    endpoint: str
    method: str
    params: Mapping[str, str]
    upload: Upload | None = None
