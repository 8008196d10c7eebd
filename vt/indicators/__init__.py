"""Indicators: typed, normalised values such as an IP address, read from an argument, found in a text, and shown safely."""

from vt.indicators.indicator import (
    Indicator,
    Kind,
    defang,
    defang_path,
    host_of,
    is_internal,
    read,
    split_values,
)
from vt.indicators.markup import strip_markup, unescape_markup
from vt.indicators.refang import refang
from vt.indicators.scanner import MAX_CANDIDATES, extract

__all__ = [
    "MAX_CANDIDATES",
    "Indicator",
    "Kind",
    "defang",
    "defang_path",
    "extract",
    "host_of",
    "is_internal",
    "read",
    "refang",
    "split_values",
    "strip_markup",
    "unescape_markup",
]
