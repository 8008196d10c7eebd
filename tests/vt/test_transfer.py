"""Patterns among what is asked for: the files they fit, and how many of them one request may have."""

from datetime import UTC, datetime

import pytest

from vt import errors
from vt.actions import FILE
from vt.errors import unpack
from vt.files.disk import Disk
from vt.files.provider import Roots
from vt.files.transfer import FileTransfer, Places
from vt.lookup import Lookup
from vt.privacy import UploadDenylist


@pytest.fixture
def folder(tmp_path):
    """Three folders of sixty files each."""
    for name in "abc":
        (tmp_path / name).mkdir()
        for number in range(60):
            (tmp_path / name / f"{number:02}.bin").touch()
    return tmp_path


async def expanded(folder, *paths):
    places = Places(Disk(Roots((folder,)), 10))
    transfer = FileTransfer(
        None, places, denylist=UploadDenylist(), keep=None, uploads=None, clock=lambda: datetime.now(UTC)
    )  # VirusTotal is not asked for any of it
    return await transfer.expand([Lookup.of_file(f"{folder}/{path}", FILE, 3) for path in paths])


def failures(lookups):
    """What went wrong, by the path that was asked for."""
    unpacked = {one.input: unpack(one.error) for one in lookups if one.error}
    return {path.rpartition("/")[0][-1]: type(error) for path, error in unpacked.items()}


async def test_all_patterns_together_may_fit_a_hundred_files(folder):
    """The one that would exceed it fails as a whole; what comes after it may still fit."""
    lookups = await expanded(folder, "a/*", "b/*", "c/0*", "c/11.bin")
    assert failures(lookups) == {"b": errors.TooManyFiles}
    assert len(lookups) == 60 + 1 + 10 + 1


async def test_the_cap_holds_whatever_the_order(folder):
    """What is named after a pattern has its place."""
    named = [f"b/{number:02}.bin" for number in range(50)]
    assert failures(await expanded(folder, "a/*", *named)) == {"a": errors.TooManyFiles}
    assert not failures(await expanded(folder, "a/*", *named[:40]))


async def test_a_file_that_two_patterns_fit_counts_once(folder):
    """It is looked up once."""
    lookups = await expanded(folder, "a/*", "a/*.bin", "b/0*")
    assert not failures(lookups)
    assert len(lookups) == 70
