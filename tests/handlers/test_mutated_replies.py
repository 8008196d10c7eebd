"""No reply of VirusTotal breaks a turn: it can be stored, read again, judged and shown, and never says clean wrongly."""

import json

import pytest

from tests.support.mutated_replies import ASKED, fault, run


@pytest.mark.parametrize("seed", range(3))
async def test_no_mutated_reply_breaks_a_turn(seed):
    """No crash, no false CLEAN, no live link and no blocks that Slack refuses."""
    faults, examples = await run(200, seed)
    assert not faults, json.dumps(examples)


@pytest.mark.parametrize("action", sorted(ASKED))
@pytest.mark.parametrize(
    "change",
    [
        {"scan_date": "2019-02-05 15:41:52", "first_seen": "2019-02-05 15:41:52"},
        {"scan_date": 7, "first_seen": ["x"]},
        {"verbose_msg": "\ud800x", "\udfffkey": "x"},
        {"country": "\x1f", "as_owner": "\0", "x category": "\u202e"},
    ],
    ids=repr,
)
async def test_named_replies_that_once_broke_a_turn(action, change):
    """Dates at the top level of a host's report, halves of surrogate pairs, and text of invisible characters only."""
    assert await fault(action, ASKED[action][1] | change) == ""
