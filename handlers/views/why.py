"""Why an answer is what it is: the rule, what it counted, and what other thresholds would say. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

from handlers import text
from handlers.request import Verb
from handlers.text import modals
from handlers.views import details_layout
from handlers.views.details import PARTS
from handlers.views.details_layout import Place, Row
from handlers.views.rich_text import bold, rich, say
from vt.lookup import Lookup
from vt.verdict import Basis, Finding

THRESHOLDS = (1, 3, 5, 10)


def why(lookups: Sequence[Lookup], modal_id: str, here: Place, now: datetime) -> View:
    """The modal about one of the findings."""
    findings = [one.finding(now) for one in lookups]
    finding, here = details_layout.at(findings, here)
    lookup = lookups[here.finding]
    blocks = [
        *details_layout.choices(findings, here),
        details_layout.headline(finding),
        rich(say(text.rule(finding, now))),
        *_thresholds(lookup, finding, now),
        *_counted(finding, here),
    ]
    return details_layout.modal(modals.WHY, modal_id, Verb.WHY, blocks)


def _thresholds(lookup: Lookup, finding: Finding, now: datetime) -> Iterator[Block]:
    """The state at each threshold, the one that was asked for among them."""
    if finding.rule is None:
        return
    yield rich(bold(modals.AT_THRESHOLDS))
    rows: list[Row] = []
    for threshold in sorted({*THRESHOLDS, lookup.threshold}):
        state = lookup.evolve(threshold=threshold).finding(now).state
        mine = modals.THIS_ONE if threshold == lookup.threshold else ""
        rows.append((modals.threshold(threshold), f"{text.ICONS[state]} {state}{mine}"))
    yield from details_layout.table(rows)


def _counted(finding: Finding, here: Place) -> Iterator[Block]:
    """What the rule counted: engines, or for a host what they flag there."""
    if finding.rule is None:
        return
    by_engines = finding.rule.basis is Basis.ENGINES
    rows = PARTS["engines" if by_engines else "samples"](finding)
    yield rich(bold(modals.COUNTED_ENGINES if by_engines else modals.COUNTED_EVIDENCE))
    yield from details_layout.page(rows, here) if rows else details_layout.table([("", modals.NONE)])
