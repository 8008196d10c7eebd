"""The card in a thread: what is known of what a message holds, who else posted it, and what can be done. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from slack_sdk.models.blocks import ActionsBlock, Block, ButtonElement, ContextBlock, MarkdownTextObject

from handlers import text
from handlers.text import about, watch
from handlers.views import answer
from handlers.views.rich_text import Message, fallback
from handlers.watch.ports import Repeat
from vt.errors import Reserved
from vt.verdict import Finding, tally, worst_first


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a card says beside the verdicts."""

    case: str
    now: datetime
    repeats: tuple[Repeat, ...] = ()
    instead_of: str = ""
    """For a dry run: the channel in which it would have been posted."""
    invented: bool = False


def card(findings: Sequence[Finding], around: Surroundings) -> Message:
    """Worst first; those that wait say when."""
    shown = [*answer.brief(findings, around.now), *_closing(around), *_buttons(findings, around)]
    return Message(fallback(_lines(findings, around)), tuple(block.to_dict() for block in shown))


def question(case: str, urls: Sequence[str]) -> Message:
    """To the poster alone: shall URLs with secrets be looked up?"""
    buttons = [
        ButtonElement(action_id="allow", text=watch.BUTTON_ALLOW, value=case),
        ButtonElement(action_id="leave", text=watch.BUTTON_LEAVE, value=case),
    ]
    line = watch.secrets(urls)
    return Message(fallback([line]), (*answer.note(line).blocks, ActionsBlock(elements=buttons).to_dict()))


def _closing(around: Surroundings) -> Iterator[Block]:
    lines = _asides(around)
    if lines:
        yield ContextBlock(elements=[MarkdownTextObject(text=line, verbatim=True) for line in lines])


def _asides(around: Surroundings) -> list[str]:
    lines = [watch.DRY_RUN.format(channel=around.instead_of)] if around.instead_of else []
    if around.repeats:
        lines.append(watch.repeated(around.repeats))
    if around.invented:
        lines.append(about.INVENTED)
    return lines


def _buttons(findings: Sequence[Finding], around: Surroundings) -> Iterator[Block]:
    buttons = []
    if any(isinstance(finding.trouble, Reserved) for finding in findings):
        buttons.append(ButtonElement(action_id="hurry", text=watch.BUTTON_HURRY, value=around.case))
    if any(finding.raw for finding in findings):
        buttons.append(ButtonElement(action_id="json", text=text.BUTTON_JSON, value=around.case))
    if buttons:
        yield ActionsBlock(elements=buttons)


def _lines(findings: Sequence[Finding], around: Surroundings) -> Iterator[str]:
    if len(findings) > 1:
        yield text.tally(tally(findings))
    for finding in worst_first(findings):
        yield f"{text.verdict(finding)} {text.subject(finding, 120)} {text.rule(finding, around.now)}"
    if around.invented:
        yield about.INVENTED
