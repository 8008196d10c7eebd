"""Labelled texts of the kinds that reports of wrong extraction are about: `kind`, `text` and what is found in it."""

import json
from pathlib import Path

import pytest

from tests.support.values import found

LINES = Path(__file__).with_name("labelled_texts.jsonl").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("line", LINES, ids=lambda line: json.loads(line)["kind"])
def test_each_labelled_text_is_answered_exactly(line):
    """Nothing is missed in a labelled text, and nothing else is found."""
    case = json.loads(line)
    assert found(case["text"]) == case["expect"]
