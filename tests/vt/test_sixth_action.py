"""A sixth action, added for real to copies of the tables: file/behaviour, which reports without a verdict.

What this file defines is what an action takes in vt. The rest of the product is made from the row in ACTIONS.
"""

import json
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr

from playground.virustotal import Sandbox
from tests.support.findings import json_result
from tests.support.memory_storage import NullCache
from tests.support.replies import RECORDED
from tests.support.vt_service import Allowance, Clock, no_pause, turn
from vt import results
from vt.actions import BY_KEY, HASHES, Action
from vt.client import Client, single
from vt.enrichment import Values, enrichment
from vt.indicators import read
from vt.lookup import Lookup, Step
from vt.models import Reply, Several, Text
from vt.service import Service
from vt.steps import ENDPOINTS, single_report
from vt.verdict import State

HASH = "726a2eedb9df3d63ec1b4a7d774a799901f1a2b9"


class Behaviour(Reply):
    """1. The model of the report: what is shown of it. This reply holds no verdict."""

    hash: Text = None
    hosts: Several[str] = ()


class BehaviourClient(Client):
    """2. A method of the client for the endpoint."""

    async def file_behaviour(self, resource):
        """file/behaviour."""
        return single(await self._get("file/behaviour", hash=resource))


# 3. A row, with the fields of the enrichment: the parser, help, shortcuts, the form and the manifest are made from it.
BEHAVIOUR = Action(
    key="file-behaviour",
    title="Get File Behaviour",
    kinds=HASHES,
    threshold=1,
    setting="BEHAVIOUR",
    script_result="is_success",
    example=HASH,
    report=Behaviour,
    cached_as="behaviour",
    fields=(("Contacted hosts", "hosts"), ("verbose_msg", "verbose_msg")),
)
# 4. What each step asks VirusTotal: a report is all there is.
ENDPOINTS_NOW = {**ENDPOINTS, BEHAVIOUR.key: {Step.ASK: single_report(BehaviourClient.file_behaviour)}}


@asynccontextmanager
async def served(answer):
    clock = Clock()
    async with (
        Sandbox(clock=clock.seconds).serve() as sandbox,
        BehaviourClient(
            SecretStr("k" * 64), url=sandbox.url, quota=Allowance(clock), sleep=no_pause
        ) as client,
    ):
        sandbox.route("file/behaviour", answer)
        yield (
            sandbox,
            Service(client, places=None, clock=clock, endpoints=ENDPOINTS_NOW, cache=NullCache()),
            clock,
        )


async def looked_up(service, clock):
    [lookup] = await turn(service, (Lookup.of(read(HASH), BEHAVIOUR, BEHAVIOUR.threshold),))
    return lookup, lookup.finding(clock())


async def test_a_sixth_action_reports_without_a_verdict():
    """One call, its raw reply and its fields; no rule, no count and no state that claims a verdict."""
    reply = {"response_code": 1, "hash": HASH, "hosts": ["192.0.2.7", "198.51.100.9"]}
    async with served(lambda _: reply) as (sandbox, service, clock):
        _, finding = await looked_up(service, clock)
    assert [(call.endpoint, call.params["hash"]) for call in sandbox.calls] == [("file/behaviour", HASH)]
    assert (finding.state, finding.rule, finding.error) == (State.UNKNOWN, None, None)
    assert {field.label: field.value for field in enrichment(finding)} == {
        "Contacted hosts": Values(("192.0.2.7", "198.51.100.9"))
    }
    assert json_result([finding]) == [{"EntityResult": reply, "Entity": HASH}]
    assert results.script_result(BEHAVIOUR, [finding]) is True


async def test_a_recorded_reply_of_the_sixth_action():
    """What VirusTotal really answered when it had no such report."""
    recordings = sorted(RECORDED.glob("file_behaviour__*_rc0_*[!a].json"))
    if not recordings:
        pytest.skip("no recordings here")
    reply = json.loads(recordings[0].read_text())
    async with served(lambda _: reply) as (_, service, clock):
        _, finding = await looked_up(service, clock)
    assert (finding.state, finding.raw) == (State.UNKNOWN, reply)
    assert [field.value for field in enrichment(finding)] == ["No behavioural report for this file"]


async def test_a_lookup_of_the_sixth_action_is_stored_and_read():
    """It is stored by the row's key, and read by whoever knows that row."""
    async with served(lambda _: {"response_code": 0}) as (_, service, clock):
        lookup, _ = await looked_up(service, clock)
    stored = lookup.model_dump_json()
    assert (
        Lookup.model_validate_json(stored, context={"actions": {**BY_KEY, BEHAVIOUR.key: BEHAVIOUR}})
        == lookup
    )
    with pytest.raises(ValueError, match=BEHAVIOUR.key):
        Lookup.model_validate_json(stored)


def test_nothing_but_the_copies_has_changed():
    """The tables themselves still have five actions."""
    assert BEHAVIOUR.key not in BY_KEY.keys() | ENDPOINTS.keys()
