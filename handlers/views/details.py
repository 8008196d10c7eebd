"""What is behind an answer, leafed through in a modal: fields, engines, samples, resolutions, subdomains. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from slack_sdk.models.views import View

from handlers import text
from handlers.request import Verb
from handlers.text import modals
from handlers.views import details_layout
from handlers.views.details_layout import Place, Row
from vt.models import DomainReport, HostReport
from vt.results import detecting, enrichment
from vt.verdict import LONG_AGO, Finding, flagged

LABEL_CHARACTERS = 80


def details(findings: Sequence[Finding], modal_id: str, here: Place) -> View:
    """The modal with that part of that finding; the first part when there is no such."""
    finding, here = details_layout.at(findings, here)
    parts = {name: rows for name, read in PARTS.items() if (rows := read(finding))}
    if here.part not in parts:
        here = replace(here, part=next(iter(parts), ""), page=0)
    labels = [(name, modals.part(name, len(rows))) for name, rows in parts.items()]
    body = (
        details_layout.page(parts[here.part], here)
        if parts
        else details_layout.table([("", modals.NO_DETAILS)])
    )
    blocks = [
        *details_layout.choices(findings, here),
        details_layout.headline(finding),
        *details_layout.tabs(labels, here),
        *body,
    ]
    return details_layout.modal(modals.DETAILS, modal_id, Verb.DETAILS, blocks)


def _fields(finding: Finding) -> list[Row]:
    return [(text.cut(one.label, LABEL_CHARACTERS), one.value) for one in enrichment(finding)]


def _engines(finding: Finding) -> list[Row]:
    return [
        (
            text.cut(one.engine, LABEL_CHARACTERS),
            modals.dated(one.result or modals.DETECTED, one.update),
        )
        for one in detecting(finding.report)
    ]


def _samples(finding: Finding) -> list[Row]:
    if not isinstance(finding.report, HostReport):
        return []
    return [
        (f"{one.positives}/{one.total or '?'}", f"{one.name or '?'} · {text.evidence(one)}")
        for one in flagged(finding.report)
    ]


def _resolutions(finding: Finding) -> list[Row]:
    if not isinstance(finding.report, HostReport):
        return []
    newest = sorted(finding.report.resolutions, key=lambda one: one.last_resolved or LONG_AGO, reverse=True)
    return [("", modals.dated(one.name, one.last_resolved)) for one in newest if one.name]


def _subdomains(finding: Finding) -> list[Row]:
    report = finding.report
    return [("", name) for name in report.subdomains] if isinstance(report, DomainReport) else []


PARTS: Mapping[str, Callable[[Finding], list[Row]]] = {
    "fields": _fields,
    "engines": _engines,
    "samples": _samples,
    "resolutions": _resolutions,
    "subdomains": _subdomains,
}
