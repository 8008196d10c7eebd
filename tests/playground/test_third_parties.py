"""Published clients of others against the stand-ins: what works with them there works with them at VirusTotal."""

import asyncio
import os
import subprocess
import sys
import textwrap
from importlib.util import find_spec

import httpx
import pytest

from playground.virustotal import Sandbox
from tests.support.vt_client import EICAR_MD5, EICAR_SHA256

PACKAGE_FOLDER = os.environ.get("VIRUS_TOTAL_APIS", "")
"""The site-packages folder that holds the package virustotal-api (module virus_total_apis), unless it is installed here."""
has_client = bool(PACKAGE_FOLDER) or find_spec("virus_total_apis") is not None

# As published clients send them: parameters in the query, no body, no Content-Type --------------------------


@pytest.mark.parametrize(
    ("endpoint", "params", "code"),
    [
        ("file/rescan", {"resource": EICAR_MD5}, 1),
        ("url/scan", {"url": "http://example.php"}, 1),
        ("file/report", {"resource": EICAR_MD5}, 1),
        ("url/report", {"resource": "http://example.php"}, 1),
        ("comments/put", {"resource": EICAR_MD5, "comment": "seen here #eicar"}, 1),
        ("comments/put", {"resource": "no hash", "comment": "x"}, 0),
    ],
)
async def test_a_post_with_its_parameters_in_the_query(endpoint, params, code):
    """It is answered like a form; without the key it is 403."""
    async with Sandbox(kind="private").serve() as sandbox, httpx.AsyncClient() as client:
        reply = await client.post(f"{sandbox.url}{endpoint}", params={"apikey": "k", **params})
        assert (reply.status_code, reply.json()["response_code"]) == (200, code)
        refused = await client.post(f"{sandbox.url}{endpoint}", params=params)
        assert refused.status_code == 403
        odd = await client.post(f"{sandbox.url}{endpoint}", params={"apikey": "k", **params}, json={})
        assert odd.status_code == 403


async def test_an_upload_with_the_key_in_the_query():
    """The file comes as multipart; the rest may stand in the query."""
    async with Sandbox().serve() as sandbox, httpx.AsyncClient() as client:
        url = f"{sandbox.url}file/scan"
        reply = await client.post(url, params={"apikey": "k"}, files={"file": ("a", b"content")})
        assert reply.json()["response_code"] == 1


@pytest.mark.parametrize("value", ["1", "true", "True"])
async def test_allinfo_is_one_or_true(value):
    """Clients write it either way."""
    async with Sandbox(kind="private").serve() as sandbox, httpx.AsyncClient() as client:
        params = {"apikey": "k", "resource": EICAR_SHA256, "allinfo": value}
        whole = (await client.get(f"{sandbox.url}file/report", params=params)).json()
        plain = (await client.get(f"{sandbox.url}file/report", params=params | {"allinfo": "0"})).json()
        assert whole.keys() > plain.keys()


async def test_a_comment_that_was_written_is_read():
    """comments/put takes a comment once; comments/get has it first."""
    async with Sandbox(kind="private").serve() as sandbox, httpx.AsyncClient() as client:
        written = {"apikey": "k", "resource": EICAR_MD5, "comment": "seen here"}
        codes = [
            (await client.post(f"{sandbox.url}comments/put", data=written)).json()["response_code"]
            for _ in range(2)
        ]
        read = await client.get(f"{sandbox.url}comments/get", params={"apikey": "k", "resource": EICAR_MD5})
        assert codes == [1, 0]
        assert read.json()["comments"][0]["comment"] == "seen here"


# The package virustotal-api ----------------------------------------------------------------------------------

CLIENT = """
    import json, sys
    from virus_total_apis import PrivateApi, PublicApi
    base, path, md5 = sys.argv[1:4]
    public, private = PublicApi("k"), PrivateApi("k")
    public.base = private.base = base
    said = {
        "file report": public.get_file_report(md5),
        "files report": public.get_file_report(f"{md5},{'0' * 32}"),
        "file scan": public.scan_file(path),
        "url scan": public.scan_url("http://example.php"),
        "url report": public.get_url_report("http://example.php"),
        "url report scan": public.get_url_report("http://new.example/x", scan="1"),
        "ip": public.get_ip_report("192.0.2.1"),
        "domain": public.get_domain_report("example.co.in"),
        "put": public.put_comments(md5, "a comment"),
        "rescan": private.rescan_file(md5),
        "all": private.get_file_report(md5),
        "comments": private.get_comments(md5),
        "private file scan": private.scan_file(path),
    }
    json.dump(said, sys.stdout)
"""


@pytest.mark.skipif(not has_client, reason="the package virustotal-api is not installed")
async def test_the_package_virustotal_api(tmp_path):
    """Each of its documented calls is answered with 200 and a reply that it can read."""
    path = tmp_path / "a.txt"
    path.write_text("content")
    async with Sandbox(kind="private").serve() as sandbox:
        environ = {**os.environ, "PYTHONPATH": PACKAGE_FOLDER}
        program = [sys.executable, "-c", textwrap.dedent(CLIENT), sandbox.url, str(path), EICAR_MD5]
        done = await asyncio.to_thread(
            subprocess.run, program, capture_output=True, text=True, env=environ, check=False
        )
    assert done.returncode == 0, done.stderr
    said = httpx.Response(200, text=done.stdout).json()
    codes = {name: one.get("response_code") for name, one in said.items()}
    assert codes == dict.fromkeys(said, 200), said
    assert said["file report"]["results"]["positives"] == 54
    assert len(said["files report"]["results"]) == 2
    assert said["url report"]["results"]["positives"] == 5
    assert said["put"]["results"]["response_code"] == 1
    assert said["comments"]["results"]["comments"][0]["comment"] == "a comment"
