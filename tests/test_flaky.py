"""What a run says of tests that pass only when they are repeated: `make test` repeats nothing silently."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
PASSES = "def test_steady(): pass\n"
FAILS_ONCE = """
from pathlib import Path

def test_unsteady():
    marker = Path(__file__).with_suffix(".seen")
    seen = marker.exists()
    marker.touch()
    assert seen, "nobody was here before"
"""
FAILS_IN_SET_UP = """
import pytest
from pathlib import Path

@pytest.fixture
def place():
    marker = Path(__file__).with_suffix(".seen")
    seen = marker.exists()
    marker.touch()
    assert seen, "nobody was here before"

def test_unsteady(place): pass
"""
ALWAYS_FAILS = "def test_broken(): assert 1 == 2\n"


def run(folder, *tests, options=()):
    """What a run of these tests prints, and its exit status."""
    for number, text in enumerate(tests):
        (folder / f"test_{number}.py").write_text(text)
    plugins = [
        part
        for name in ("pytest_rerunfailures", "xdist.plugin", "tests.support.flaky")
        for part in ("-p", name)
    ]
    command = (sys.executable, "-m", "pytest", *plugins, "--reruns", "1", *options)
    environ = os.environ | {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    ran = subprocess.run(  # noqa: S603 - pytest, with our own arguments
        command, cwd=folder, env=environ, capture_output=True, text=True, check=False, timeout=60
    )
    return ran.stdout, ran.returncode


@pytest.mark.parametrize("options", [(), ("-n", "1")], ids=["one process", "several"])
def test_a_flaky_test_is_named_and_fails_the_run(tmp_path, options):
    """By its name, with what went wrong the first time; the last line is still pytest's own."""
    printed, status = run(tmp_path, PASSES, FAILS_ONCE, FAILS_IN_SET_UP, options=options)
    assert status == pytest.ExitCode.TESTS_FAILED
    for name in ("test_1.py::test_unsteady", "test_2.py::test_unsteady"):
        assert f"FLAKY: {name}" in printed
    assert printed.count("AssertionError: nobody was here before") == 2
    assert all(part in printed.splitlines()[-1] for part in ("3 passed", "2 rerun"))


def test_a_test_that_fails_each_time_is_broken_not_flaky(tmp_path):
    """It is reported as pytest reports a failure."""
    printed, status = run(tmp_path, PASSES, ALWAYS_FAILS)
    assert status == pytest.ExitCode.TESTS_FAILED
    assert "FLAKY" not in printed
    assert "FAILED test_1.py::test_broken" in printed


def test_steady_tests_pass(tmp_path):
    """Nothing is said when there is nothing to say."""
    printed, status = run(tmp_path, PASSES)
    assert (status, "FLAKY" in printed) == (pytest.ExitCode.OK, False)
