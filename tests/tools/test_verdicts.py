"""The table of recorded hosts in docs/verdicts.md is what the rules say today."""

from datetime import timedelta

import pytest

from tests.support.replies import RECORDED, recorded
from tests.support.vt_service import running_service
from tools.verdicts import BEGIN, DOCUMENT, END, NOT_RISKY, RISKY, known_of, recordings, table
from vt.evidence import DEFAULT_CRITERIA, HostCriteria, HostRule, Why
from vt.verdict import State


@recorded
def test_the_table_is_what_the_rules_say():
    """`python -m tools.verdicts FOLDER` writes it anew."""
    _, _, rest = DOCUMENT.read_text("utf-8").partition(BEGIN)
    assert BEGIN + rest.partition(END)[0] + END == table(RECORDED)


@recorded
def test_every_recorded_host_is_in_it():
    """Each with the rule's word, none twice."""
    names = [one.name for one in recordings(RECORDED)]
    assert len(names) == len(set(names)) == len(table(RECORDED).splitlines()) - 4


@recorded
def test_each_recorded_host_is_what_it_has_to_be():
    """By default, on the day of its recording: resolvers and sites of many people are not RISKY, what hands out malware is."""
    musts = {known_of(one).host: known_of(one).must for one in recordings(RECORDED)}
    assert {host for host, must in musts.items() if must == RISKY} == {"167.99.81.228"}
    assert {"8.8.8.8", "1.1.1.1", "github.com"} <= {host for host, must in musts.items() if must == NOT_RISKY}
    for one in recordings(RECORDED):
        is_risky = one.judged(DEFAULT_CRITERIA, one.day).state is State.RISKY
        assert is_risky == (known_of(one).must == RISKY), one.name


@recorded
def test_one_recorded_host_is_suspicious_because_the_rule_says_so():
    """A server of many sites, whose only bad file is 105 days older than anything else in the reply, and so than the reply."""
    [one] = [one for one in recordings(RECORDED) if known_of(one).host == "a server of a Russian web host"]
    found = one.judged(DEFAULT_CRITERIA, one.day)
    [old] = [context.worst for context in found.rule.context if context.why is Why.OLD]
    assert (found.state, found.rule.worst, old.positives) == (State.SUSPICIOUS, (1, 66), 27)
    assert one.day - old.date > timedelta(days=105)
    for criteria in (HostCriteria(days=106), HostCriteria(days=0), HostCriteria(HostRule.DOCUMENTED)):
        assert one.judged(criteria, one.day).state is State.RISKY


@pytest.mark.parametrize(
    ("action", "host"),
    [
        *(
            ("domain-report", host)
            for host in ("google.com", "www.google.com", "github.com", "www.github.com")
        ),
        *(("scan-ip", host) for host in ("8.8.8.8", "8.8.4.4", "1.1.1.1")),
    ],
)
async def test_what_everybody_uses_is_not_risky_when_it_is_tried_out(action, host):
    """The stand-in's replies about it are as the recorded ones: many bad files contact it, and it serves nothing bad."""
    async with running_service() as vt:
        [found] = vt.found(await vt.asks(action, host))
        assert (found.state, found.rule.count) == (State.SUSPICIOUS, 0)
