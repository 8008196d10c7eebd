"""What a rescan costs, said before it is done. Pure."""

from collections.abc import Mapping, Sequence

from slack_sdk.models.views import View

from handlers.request import Verb
from handlers.text import modals
from handlers.views import details_layout
from handlers.views.answer_layout import rescannable
from vt.client import SUBMISSIONS_A_CALL
from vt.indicators import Kind
from vt.verdict import Finding


def price(
    findings: Sequence[Finding], modal_id: str, left: Mapping[str, tuple[int, int]], *, private_key: bool
) -> View:
    """The modal: what would be analysed anew, the calls, who sees it; to be agreed to, unless nothing can be."""
    wanted = [one for one in findings if rescannable(one, private_key=private_key)]
    if not wanted:
        return details_layout.sentence(modals.RESCAN, modal_id, Verb.PRICE, modals.NO_RESCAN)
    urls = sum(_is_url(one) for one in wanted)
    files = len(wanted) - urls
    calls = _calls(urls) + _calls(files)
    rows = [
        (modals.RESCANNED, modals.count(urls, files)),
        (modals.PRICE, modals.calls(calls)),
        (modals.LEFT, modals.left(left)),
        *([(modals.SEEN_BY, modals.URLS_ARE_SEEN)] if urls else []),
    ]
    return details_layout.modal(
        modals.RESCAN, modal_id, Verb.PRICE, list(details_layout.table(rows)), submit=modals.RESCAN
    )


def _is_url(finding: Finding) -> bool:
    return finding.indicator is not None and finding.indicator.kind is Kind.URL


def _calls(count: int) -> int:
    return -(-count // SUBMISSIONS_A_CALL)
