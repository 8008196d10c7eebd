"""The wheel in an empty environment: it needs nothing but what it declares, and holds all that the bot and its page need."""

import asyncio
import os
import re
import shutil
import subprocess
import sys
import venv
from importlib.metadata import distribution
from pathlib import Path
from urllib.request import urlopen

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PAGE = Path("playground/web/built/index.html")
BARE = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (ROOT / "lock" / "run.txt").is_file(), reason="no lock beside the tests"),
]


def pip(*arguments):
    """Install or build something with the pip that runs the tests, without the network."""
    done = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-m", "pip", *arguments],
        env=BARE | {"HOME": os.environ.get("HOME", "/"), "PIP_NO_INDEX": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def locked():
    """The distributions that the lock names for this machine, as they are installed here."""
    lines = re.findall(r"^[^\s#][^\\\n]*", (ROOT / "lock" / "run.txt").read_text(), re.MULTILINE)
    requirements = [one for one in map(Requirement, lines) if one.marker is None or one.marker.evaluate()]
    found = [distribution(one.name) for one in requirements]
    for one, there in zip(requirements, found, strict=True):
        assert one.specifier.contains(there.version), f"{there.version} is installed, not {one}"
    return found


def link(one, packages):
    """Have what was installed of a distribution in another folder of packages too, apart from its commands."""
    for name in {file.parts[0] for file in one.files} - {"..", "__pycache__"}:
        (packages / name).symlink_to(one.locate_file(name))


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    """The folder of an environment's programs: the locked dependencies, and a wheel that is built from a copy of the sources.

    The dependencies are those of the environment that runs the tests, in which pip has installed the same lock: to install
    them again takes 20 seconds of CPU time.
    """
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("vt", "handlers", "bot", "playground"):
        shutil.copytree(
            ROOT / name, source / name, ignore=shutil.ignore_patterns("node_modules", "__pycache__")
        )
    pip("wheel", "-q", "--no-deps", "--no-build-isolation", "-w", folder / "dist", source)
    venv.create(folder / "environment", symlinks=True)
    python = folder / "environment" / "bin" / "python"
    [packages] = folder.glob("environment/lib/python*/site-packages")
    for one in locked():
        link(one, packages)
    # There is no index: what the wheel declares must be there already.
    pip("--python", python, "install", "-q", "--no-compile", *(folder / "dist").glob("*.whl"))
    pip("--python", python, "check")
    return python.parent


def vtbot(programs, folder, *arguments):
    return subprocess.run(  # noqa: S603 - our own program
        [programs / "vtbot", *arguments], cwd=folder, env=BARE, capture_output=True, text=True, check=False
    )


def test_its_version(programs, tmp_path):
    """As the wheel says."""
    done = vtbot(programs, tmp_path, "--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"vtbot \d+\.\d+\.\d+\n", done.stdout)


def test_the_doctor(programs, tmp_path):
    """Its own PostgreSQL starts, and the stand-in VirusTotal answers."""
    done = vtbot(programs, tmp_path, "doctor")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("🟢") == 2


def test_an_answer_in_another_language(programs, tmp_path):
    """The catalogues are in the wheel."""
    done = vtbot(programs, tmp_path, "ask", "--language", "ja", "scan-ip", "192.0.2.1")
    assert "192[.]0[.]2[.]1" in done.stdout
    assert re.search(r"[\u3040-\u30ff]", done.stdout)


async def test_the_trial_page(programs, tmp_path):
    """`vtbot run` serves the page, the built one if it was built."""
    process = await asyncio.create_subprocess_exec(
        *(programs / "vtbot", "run"),
        cwd=tmp_path,
        env=BARE | {"PORT": "0"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(60):
            said = ""
            while not (found := re.search(r"http://127\.0\.0\.1:\d+", said)):
                said += (await process.stdout.readline()).decode()
        with await asyncio.to_thread(urlopen, found[0]) as page:
            html = page.read().decode()
        asset = re.search(r'(?:src|href)="\.?/?(assets/[^"]+)"', html)[1]
        with await asyncio.to_thread(urlopen, f"{found[0]}/{asset}") as part:
            assert part.status == 200
        assert ("assets/index-" in html) is (ROOT / PAGE).is_file()
    finally:
        process.terminate()
        await process.wait()
    assert process.returncode == 0
