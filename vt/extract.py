"""Finds the indicators in a text that someone posted."""

import html
import re
from functools import cache

from publicsuffixlist import PublicSuffixList

from vt.indicators import Indicator, Kind, read, refang

LINK = re.compile(r"<(?:mailto:)?((?:[a-z]+://|[^<>|\s]+@)[^<>|]+)(?:\|[^<>]*)?>|<[@#!][^<>]*>")


def extract(text: str) -> list[Indicator]:
    """The indicators in a text, defanged or not, in order of appearance and without repeats."""
    plain = html.unescape(LINK.sub(lambda link: f" {link[1] or ''} ", text))
    words = (word.strip(".,;:!?()[]{}'\"`*") for word in re.split(r"[\s<>\"|,;`]+", refang(plain)))
    found = (read(word) for word in words if word)
    return list(dict.fromkeys(item for item in found if item and _known(item)))


def _known(item: Indicator) -> bool:
    if item.kind not in (Kind.DOMAIN, Kind.EMAIL):
        return True
    return _suffixes().publicsuffix(item.value.rpartition("@")[2]) is not None


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList(accept_unknown=False, only_icann=True)
