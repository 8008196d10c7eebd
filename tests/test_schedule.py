"""The order in which tests are handed out names files that exist, and keeps together what shares a fixture."""

import ast
from pathlib import Path

import pytest

from tests.support.schedule import FIRST, ONE_BY_ONE, place, unit

ROOT = Path(__file__).parents[1]


def has_module_fixture(file):
    """Whether something in it is set up once for all of its tests."""
    calls = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)]
    keywords = [keyword for call in calls for keyword in call.keywords if keyword.arg == "scope"]
    return any(isinstance(one.value, ast.Constant) and one.value.value == "module" for one in keywords)


@pytest.mark.parametrize("name", FIRST)
def test_a_file_that_comes_first_exists(name):
    """One that was renamed would come last without a word."""
    assert (ROOT / name).is_file()


@pytest.mark.parametrize("name", ONE_BY_ONE)
def test_what_is_handed_out_one_by_one_shares_nothing(name):
    """Each process would set up the fixture again."""
    assert not has_module_fixture(ROOT / name)


def test_tests_of_other_files_stay_together():
    """In their file, after the long ones."""
    long, other = f"{ONE_BY_ONE[0]}::test_a[x::y]", "tests/vt/test_codec.py::test_b[x::y]"
    assert (unit(long), unit(other)) == (long, "tests/vt/test_codec.py")
    assert place(long) < place(other)
