"""Decoding VirusTotal's replies: what cannot be stored or read again never gets past the decoder."""

import json

import pytest

from vt import codec
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
    read = codec.parse(body)
    json.dumps(read, ensure_ascii=False).encode()
    assert "\N{REPLACEMENT CHARACTER}" in json.dumps(read, ensure_ascii=False)


def test_all_other_text_stays_as_it_came():
    """Whole pairs, NUL and anything else that can be stored."""
    assert codec.parse(rb'{"a\u0000": "\ud83d\ude00 \u0000 \u202e <b>"}') == {
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
        codec.parse(body)
