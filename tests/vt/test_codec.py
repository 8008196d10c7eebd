"""Decoding VirusTotal's replies: what cannot be stored or read again never gets past the decoder."""

import gzip
import json

import httpx
import pytest

from vt import codec, replies
from vt.body import CHUNK
from vt.codec import Packer
from vt.errors import Unreadable


@pytest.mark.parametrize(
    "body",
    [
        rb'{"scans": {"A": {"result": "\ud800x"}}}',
        rb'{"scans": {"\udfffA": {"result": "x"}}}',
        rb'{"a": ["\udc00\ud800", {"b": "\ud83d"}]}',
        b'{"a": "\xed\xa0\x80"}',
        rb'"\ud800"',
    ],
)
def test_halves_of_surrogate_pairs_are_replaced(body):
    """In values and keys: neither PostgreSQL nor UTF-8 can hold them."""
    read = codec.parse(body, Packer())
    json.dumps(read, ensure_ascii=False).encode()
    assert "\N{REPLACEMENT CHARACTER}" in json.dumps(read, ensure_ascii=False)


def test_all_other_text_stays_as_it_came():
    """Whole pairs, NUL and anything else that can be stored."""
    assert codec.parse(rb'{"a\u0000": "\ud83d\ude00 \u0000 \u202e <b>"}', Packer()) == {
        "a\0": "\U0001f600 \0 \u202e <b>"
    }


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": 1e400}',
        b'{"a": [-1e999]}',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"positives": 54, "positives": 0}',
        b'{"scans": {"A": {"detected": true}, "A": {"detected": false}}}',
        rb'{"scans": {"\ud800": {"detected": true}, "\udfff": {"detected": false}}}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": ' + b"[" * 70 + b"]" * 70 + b"}",
        b'{"a": ' + b"[" * 100_000,
    ],
    ids=lambda body: repr(body[:40]),
)
def test_what_json_does_not_have_or_means_twice_is_unreadable(body):
    """Numbers beyond a float, keys that occur twice, and any depth that could not be stored."""
    with pytest.raises(Unreadable):
        codec.parse(body, Packer())


BODY = b'{"response_code": 1, "positives": 0}'
# Without the time in it, which would make the names of tests differ from process to process.
PACKED = gzip.compress(BODY, mtime=0)
MORE = gzip.compress(b'{"positives": 54}', mtime=0)


async def arrives(*chunks, encoding="gzip"):
    """What is read of a response with this body, in these pieces."""

    async def pieces():
        for chunk in chunks:
            yield chunk

    headers = {"Content-Encoding": encoding, "Content-Type": "text/html; charset=utf-16"}
    response = httpx.Response(200, headers=headers, content=pieces())
    return await codec.read_json(response.aiter_raw(CHUNK), encoding, Packer())


@pytest.mark.parametrize("cut", [1, 5, 18, len(PACKED) - 1])
async def test_a_compressed_reply_is_read_in_any_pieces(cut):
    """The Content-Type does not matter, and neither does where the pieces end."""
    assert await arrives(PACKED[:cut], PACKED[cut:]) == json.loads(BODY)
    assert await arrives(BODY, encoding="identity") == json.loads(BODY)


@pytest.mark.parametrize(
    "packed",
    [PACKED[:-1], PACKED[:-4], PACKED[:-8], PACKED[:-9], PACKED[:5], PACKED + MORE, PACKED + b"x", b"", BODY],
    ids=lambda packed: repr(packed[-8:]),
)
async def test_a_compressed_reply_is_read_whole_or_not_at_all(packed):
    """Without its checksum nobody knows whether it is what was sent, and what follows it might contradict it."""
    with pytest.raises(Unreadable):
        await arrives(packed)


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "zstd"])
async def test_an_encoding_that_was_not_asked_for_is_unreadable(encoding):
    """Only gzip is asked for."""
    with pytest.raises(Unreadable):
        await arrives(PACKED, encoding=encoding)


DATE = {"Date": "Fri, 27 Nov 2026 11:00:00 GMT"}


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("30", 30),
        ("0.493", 0.493),
        ("9" * 400, 1e9),
        ("Fri, 27 Nov 2026 11:00:30 GMT", 30),
        ("Fri, 27 Nov 2026 11:00:30 -0000", 30),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        *[(wrong, None) for wrong in ("-5", "-1484742195", "nan", "inf", "1e9", "60s", "5, 10", "soon", "")],
        ("Fri, 27 Nov 99999 00:00:00 GMT", None),
        ("Fri, 27 Nov 2026 11:00:30 +9999", None),
    ],
)
def test_retry_after(value, seconds):
    """Seconds, also with a fraction, or a date; what is neither, or negative, is as if there were none."""
    response = httpx.Response(429, headers={"Retry-After": value, **DATE})
    assert replies.retry_after(response.headers) == seconds
