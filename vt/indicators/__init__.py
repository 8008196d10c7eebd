"""Indicators: typed, normalised values such as an IP address, how one is read, and how it is shown safely."""

from vt.indicators.indicator import (
    Indicator,
    Kind,
    defang,
    defang_path,
    host_of,
    is_internal,
    read,
    split_values,
    strip_markup,
    unescape_markup,
)
from vt.indicators.refang import refang

__all__ = [
    "Indicator",
    "Kind",
    "defang",
    "defang_path",
    "host_of",
    "is_internal",
    "read",
    "refang",
    "split_values",
    "strip_markup",
    "unescape_markup",
]
