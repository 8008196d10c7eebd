"""What the documents name exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = (
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "docs/architecture.md",
    "docs/verdicts.md",
    "docs/deploy.md",
)
PATH = re.compile(
    r"`((?:vt|handlers|bot|playground|tests|tools|docs|deploy)/[\w./-]*)`|\]\(((?!http)[\w./-]+)(?:#[\w-]+)?\)"
)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_path_in_a_document_exists(name):
    """A document that names a module or a folder names one that is there."""
    document = ROOT / name
    if not document.is_file():
        pytest.skip(f"no {name} beside the tests")
    named = [code or link for code, link in PATH.findall(document.read_text("utf-8"))]
    assert named
    missing = [path for path in named if not any((base / path).exists() for base in (ROOT, document.parent))]
    assert missing == []


NAMED = re.compile(r"`([\w/]+\.py)` \((`[\w.]+`(?:, `[\w.]+`)*)\)")


def test_what_a_document_names_in_a_module_is_defined_there():
    """A function or class that stands in parentheses behind its module."""
    there = [(ROOT / name).read_text("utf-8") for name in DOCUMENTS if (ROOT / name).is_file()]
    if not there:
        pytest.skip("no documents beside the tests")
    named = [found for document in there for found in NAMED.findall(document)]
    assert named
    missing = [
        (path, name)
        for path, names in named
        for name in re.findall(r"[\w.]+", names)
        for part in name.split(".")
        if not re.search(
            rf"^\s*(?:(?:async )?def|class) {part}\b|^{part}\b.*=", (ROOT / path).read_text(), re.MULTILINE
        )
    ]
    assert missing == []
