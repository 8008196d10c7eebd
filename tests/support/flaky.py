"""Flaky tests are named: a test that fails and then passes when it is repeated (`--reruns`) fails the run."""

import pytest
from pytest_rerunfailures import ClientStatusDB, StatusDB


@pytest.hookimpl(trylast=True)
def pytest_configure(config):
    """Each process counts repetitions by itself.

    Asking the controlling process before each test took 1 ms of CPU and, as its two small packets wait for each other,
    40 ms. A test whose process crashes is reported as failed, as it was before.
    """
    if isinstance(config.failures_db, ClientStatusDB):
        config.failures_db.sock.close()
        config.failures_db = StatusDB()


def pytest_terminal_summary(terminalreporter):
    """Each flaky test by name, with what went wrong the first time."""
    for name, report in flaky(terminalreporter).items():
        terminalreporter.section(f"FLAKY: {name}", red=True)
        terminalreporter.write_line("It failed, and passed when it was repeated. The first time:")
        terminalreporter.write_line(report.longreprtext)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session):
    """The run's exit status says it too. There is no list of exceptions: a flaky test is repaired."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter and flaky(reporter) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def flaky(reporter):
    """The report of the first failure of each test that passed in the end, by the test's name."""
    broken = {report.nodeid for kind in ("failed", "error") for report in reporter.stats.get(kind, ())}
    repeated = reversed(reporter.stats.get("rerun", ()))
    return {report.nodeid: report for report in repeated if report.nodeid not in broken}
