"""Indicators: typed, normalised values such as an IP address, how one is read, and how it is shown safely."""

from vt.indicators.indicator import Indicator, Kind, host_of, is_internal, read, split_values
from vt.indicators.refang import defang, defang_path, refang, strip_markup, unescape_markup

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
