"""Why an answer is what it is: the rule, what it counted, and what other thresholds would say. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

from handlers import text
from handlers.modals import leaf
from handlers.modals.details import PARTS
from handlers.modals.leaf import Place, Row
from handlers.request import Verb
from handlers.rich import bold, rich, say
from handlers.text import words
from vt.lookup import Lookup
from vt.verdict import Basis, Finding

THRESHOLDS = (1, 3, 5, 10)


def why(lookups: Sequence[Lookup], modal_id: str, here: Place, now: datetime) -> View:
    """The modal about one of the findings."""
    findings = [one.finding(now) for one in lookups]
    finding, here = leaf.at(findings, here)
    lookup = lookups[here.finding]
    blocks = [
        *leaf.choices(findings, here),
        leaf.headline(finding),
        rich(say(text.rule(finding, now))),
        *_thresholds(lookup, finding, now),
        *_counted(finding, here),
    ]
    return leaf.modal(words.WHY, modal_id, Verb.WHY, blocks)


def _thresholds(lookup: Lookup, finding: Finding, now: datetime) -> Iterator[Block]:
    """The state at each threshold, the one that was asked for among them."""
    if finding.rule is None:
        return
    yield rich(bold(words.AT_THRESHOLDS))
    rows: list[Row] = []
    for threshold in sorted({*THRESHOLDS, lookup.threshold}):
        state = lookup.but(threshold=threshold).finding(now).state
        mine = words.THIS_ONE if threshold == lookup.threshold else ""
        rows.append((words.threshold(threshold), f"{text.ICONS[state]} {state}{mine}"))
    yield from leaf.table(rows)


def _counted(finding: Finding, here: Place) -> Iterator[Block]:
    """What the rule counted: engines, or for a host what they flag there."""
    if finding.rule is None:
        return
    by_engines = finding.rule.basis is Basis.ENGINES
    rows = PARTS["engines" if by_engines else "samples"](finding)
    yield rich(bold(words.COUNTED_ENGINES if by_engines else words.COUNTED_EVIDENCE))
    yield from leaf.page(rows, here) if rows else leaf.table([("", words.NONE)])
