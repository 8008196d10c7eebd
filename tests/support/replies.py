"""Replies for tests: where the recorded and documented ones lie, and a strategy for hostile ones."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import strategies as st

from vt.actions import BY_KEY

SHARED = Path(os.environ.get("SHARED") or Path(__file__).parents[3] / "shared")
RECORDED = SHARED / "fixtures" / "vt"
DOCUMENTED = SHARED / "fixtures" / "documented"
recorded = pytest.mark.skipif(not RECORDED.is_dir(), reason=f"no recorded replies in {RECORDED}")
documented = pytest.mark.skipif(not DOCUMENTED.is_dir(), reason=f"no documented examples in {DOCUMENTED}")


def recording(name):
    """A recorded reply by its name, as JSON."""
    return json.loads((RECORDED / f"{name}.json").read_text())


def example(name):
    """A documented JSON result by its name."""
    return json.loads((DOCUMENTED / f"{name}.json").read_text())


_ODD = st.sampled_from(
    [10**4000, -(10**4000), 2**63, "2019-02-05 15:41:52", "None", "-", "20190205", "9" * 40, "\ud800", "\0"]
)
_PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | _ODD
ANYTHING = st.recursive(
    _PLAIN,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
"""Any JSON, and what JSON can hold though nobody expects it."""
_SEEN = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("url", "sha256", "positives", "total", "date", "scan_date"), ANYTHING)
)
_ENGINE = st.fixed_dictionaries({"detected": st.booleans() | ANYTHING}, optional={"result": ANYTHING})
_LISTS = st.lists(_SEEN | ANYTHING, max_size=4)
_SCANS = st.dictionaries(st.text(max_size=8), _ENGINE, max_size=4)


@st.composite
def hostile(draw):
    """An action's key and a reply to it: real field names, sometimes half real, sometimes absurd values."""
    key = draw(st.sampled_from(sorted(BY_KEY)))
    names = [field.alias or name for name, field in BY_KEY[key].report.model_fields.items()]
    fields = st.sampled_from([*names, "Odd category"]) | st.text(max_size=8)
    raw = draw(st.dictionaries(fields, ANYTHING | _LISTS | _SCANS, max_size=12))
    return key, raw | {"response_code": draw(st.sampled_from([1, 1, 1, 0, -2, -1, "1", None]))}
