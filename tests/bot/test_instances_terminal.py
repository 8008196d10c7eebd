"""Several VirusTotal keys in the operator's terminal, and in the metrics."""

import asyncio
import json
import urllib.request
from contextlib import AsyncExitStack

import pytest

from bot.__main__ import main
from playground.virustotal import Sandbox, faults
from tests.support.app_fixture import ANA, address, at_work
from tests.support.logs import restored_logging

KEYS = {"main": "a" * 64, "lab": "b" * 64}
IP = "192.0.2.1"


@pytest.fixture
async def virustotals():
    async with AsyncExitStack() as stack:
        yield {
            name: await stack.enter_async_context(Sandbox(any_key=False, key=key).serve())
            for name, key in KEYS.items()
        }


@pytest.fixture
def file(tmp_path, virustotals):
    path = tmp_path / "instances.toml"
    tables = (
        f'[{name}]\nkey = "{KEYS[name]}"\nurl = "{one.url}"\nkind = "{kind}"\n'
        for (name, one), kind in zip(virustotals.items(), ("public", "private"), strict=True)
    )
    path.write_text("\n".join(tables))
    return str(path)


@pytest.fixture
def vtbot(database, file, tmp_path, capsys, monkeypatch):
    """Type a command; returns its exit status, and what it wrote."""
    monkeypatch.chdir(tmp_path)
    environ = {
        "DATABASE_URL": address(database),
        "INSTANCES_FILE": file,
        "STATE_DIR": str(tmp_path / "state"),
    }

    async def typed(*words):
        capsys.readouterr()
        with restored_logging():
            status = await asyncio.to_thread(main, list(words), environ)
        written = capsys.readouterr()
        return status, written.out, written.err

    return typed


async def test_ask_takes_the_option(vtbot, virustotals):
    """The first is the default; the last line of an answer says which one it was, and an unknown name which there are."""
    assert (await vtbot("ask", f"scan-ip {IP}"))[1].rstrip().endswith("VirusTotal instance: main")
    status, out, _ = await vtbot("ask", "scan-ip", IP, "--instance", "lab")
    assert status == 0
    assert out.rstrip().endswith("VirusTotal instance: lab")
    assert [len(one.calls) for one in virustotals.values()] == [1, 1]
    status, out, err = await vtbot("ask", f"{IP} --instance=x")
    assert (status, out) == (2, "")
    assert "There is no VirusTotal instance called x. You can use: main, lab." in err
    assert "instance" not in json.loads((await vtbot("ask", "--json", IP))[1])[0]


async def test_doctor_ping_and_quota_name_each(vtbot, virustotals):
    """With the kind of its key, whether it is accepted, and its calls. One that is refused makes it exit 1."""
    virustotals["lab"].faults.always("*", faults.status(403))
    status, out, _ = await vtbot("doctor")
    assert status == 1
    assert "(main)" in out
    assert "(lab)" in out
    assert "🟢 VirusTotal key (main): " in out
    assert "⛔ VirusTotal key (lab): " in out
    assert (await vtbot("ask", "ping"))[0] == 1
    quota = (await vtbot("ask", "quota"))[1]
    assert quota.index("VirusTotal instance: main") < quota.index("VirusTotal instance: lab")


async def test_the_audit_has_a_column_for_it(vtbot, database, file):
    """In the table, and in the JSON where it is not VT_API_KEY's."""
    async with at_work(database, key="", INSTANCES_FILE=file) as app:
        await app.asks(f"/vt scan-ip {IP} --instance lab", user=ANA)
        await app.idle()
    head, row = (line.split("\t") for line in (await vtbot("audit"))[1].splitlines())
    assert (head[-1], row[-1]) == ("instance", "lab")
    assert json.loads((await vtbot("audit", "--json"))[1])["instance"] == "lab"


async def test_the_metrics_have_a_label_for_it(database, file):
    """The calls, and what is left of each quota."""
    async with at_work(database, key="", INSTANCES_FILE=file) as app:
        await app.asks(f"/vt scan-ip {IP} --instance lab")
        url = f"http://127.0.0.1:{app.port}/metrics"
        page = await asyncio.to_thread(lambda: urllib.request.urlopen(url).read().decode())
        assert 'vtbot_quota_used_calls{virustotal="lab",window="minute"} 1.0' in page
        assert 'vtbot_quota_used_calls{virustotal="main",window="minute"} 0.0' in page
        called = 'endpoint="ip-address/report",status="200",virustotal="lab"'
        assert f"vtbot_virustotal_seconds_count{{{called}}} 1.0" in page
