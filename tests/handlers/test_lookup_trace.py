"""What a whole lookup calls, from the slash command to its answer, by a trace of the interpreter."""

from tests.support.app_fixture import address
from tools.trace import FILE_MODULES, lookup

ABOUT_FILES = (
    *FILE_MODULES,
    "handlers/turns/consent.py",
    "handlers/turns/buttons.py",
    "handlers/views/messages.py",
)


def about_files(trace):
    return [module for module in trace.modules if module.startswith(ABOUT_FILES)]


async def test_an_address_is_looked_up_without_calling_anything_about_files(tmp_path, database):
    """No function of vt/files, handlers/files.py or turns/consent.py is called: files are one branch, in the turn and in the service."""
    trace = await lookup("/vt scan-ip 192.0.2.1", tmp_path / "state", address(database))
    assert {"handlers/listeners/commands.py", "handlers/turns/lookup.py", "vt/service.py"} <= set(
        trace.modules
    )
    assert about_files(trace) == []


async def test_a_file_is_looked_up_through_that_branch(tmp_path, database):
    """So the trace would show it."""
    trace = await lookup("/vt scan-file /srv/sample.bin", tmp_path / "state", address(database))
    assert {"handlers/turns/consent.py", "vt/files/transfer.py"} <= set(about_files(trace))
