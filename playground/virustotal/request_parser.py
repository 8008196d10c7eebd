"""A request taken apart: parameters from the query or the form (POST), and the file, counted and digested."""

import hashlib
from dataclasses import dataclass

from aiohttp import BodyPartReader, web

from playground.virustotal.calls import Upload

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
CHUNK = 256 * 1024
PARAMETER_LIMIT = 64 * 1024


class RefusedError(Exception):
    """The request itself is no good: a status without a body."""

    def __init__(self, status: int) -> None:
        self.status = status


@dataclass(frozen=True, slots=True)
class ParsedRequest:
    """What came in. `key` is kept apart, so that nothing else meets it."""

    key: str
    params: dict[str, str]
    upload: Upload | None = None


async def read(request: web.Request, *, file: bool, limit: int) -> ParsedRequest:
    """Raises RefusedError: 403 for a wrong Content-Type, 413 above `limit` bytes, 400 for a body that is broken or broke off.

    A POST may have its parameters in the query and no body, as published clients send file/rescan and url/scan.
    """
    query = dict(request.query)
    if request.method == "GET" or (query and not request.body_exists and not file):
        return _parsed(query)
    if request.content_type != (MULTIPART if file else FORM):
        raise RefusedError(403)
    if (request.content_length or 0) > limit:
        raise RefusedError(413)
    if file:
        return await _multipart(request, limit)
    form = {name: str(value) for name, value in (await request.post()).items()}
    return _parsed({**query, **form})


def _parsed(params: dict[str, str], upload: Upload | None = None) -> ParsedRequest:
    return ParsedRequest(params.pop("apikey", ""), params, upload)


async def _multipart(request: web.Request, limit: int) -> ParsedRequest:
    params = dict(request.query)
    upload = None
    try:
        async for part in await request.multipart():
            if not isinstance(part, BodyPartReader):
                raise RefusedError(400)
            if part.name == "file":
                upload = await _digested(part, request, limit)
            else:
                params[part.name or ""] = (await part.read_chunk(PARAMETER_LIMIT)).decode(errors="replace")
    except (ValueError, ConnectionError):
        raise RefusedError(400) from None
    return _parsed(params, upload)


async def _digested(part: BodyPartReader, request: web.Request, limit: int) -> Upload:
    md5, sha1 = (hashlib.new(name, usedforsecurity=False) for name in ("md5", "sha1"))
    sha256 = hashlib.sha256()
    size = 0
    while chunk := await part.read_chunk(CHUNK):
        size += len(chunk)
        if request.content.total_bytes > limit:
            raise RefusedError(413)
        for digest in (md5, sha1, sha256):
            digest.update(chunk)
    return Upload(part.filename or "", size, md5.hexdigest(), sha1.hexdigest(), sha256.hexdigest())
