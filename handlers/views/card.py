"""The card in a thread: what is known about a message's indicators, who else posted them, and what can be done. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from slack_sdk.models.blocks import ActionsBlock, Block, ButtonElement, ContextBlock, MarkdownTextObject

from handlers import text
from handlers.text import about, watch
from handlers.text.format import EVERYBODY, Audience
from handlers.views import answer
from handlers.views.rich_text import Message, fallback, mrkdwn
from handlers.watch import Duplicate
from vt.errors import Reserved
from vt.verdict import Finding, tally, worst_first


@dataclass(frozen=True, slots=True)
class CardContext:
    """What a card says and offers beside the verdicts."""

    case: str
    """The id that its buttons carry."""
    now: datetime
    duplicates: tuple[Duplicate, ...] = ()
    dry_run_of: str = ""
    """The channel in which the card would have been posted, for a dry run."""
    invented: bool = False
    """The sandbox answered instead of VirusTotal."""
    audience: Audience = EVERYBODY


def card(findings: Sequence[Finding], context: CardContext) -> Message:
    """The card: the worst verdict first; those that are waited for say until when."""
    blocks = [
        *answer.brief(findings, context.now, context.audience),
        *_closing(findings, context),
        *_buttons(findings, context),
    ]
    return Message(fallback(_lines(findings, context)), tuple(block.to_dict() for block in blocks))


def question(case: str, urls: Sequence[str]) -> Message:
    """The question to the poster alone: may these URLs with secrets be looked up?"""
    buttons = [
        ButtonElement(action_id="allow", text=watch.BUTTON_ALLOW, value=case),
        ButtonElement(action_id="leave", text=watch.BUTTON_LEAVE, value=case),
    ]
    line = watch.secrets(urls)
    return Message(fallback([line]), (*answer.note(line).blocks, ActionsBlock(elements=buttons).to_dict()))


def _closing(findings: Sequence[Finding], context: CardContext) -> Iterator[Block]:
    lines: list[str] = [watch.dry_run(context.dry_run_of)] if context.dry_run_of else []
    if any(map(text.is_at_fault, findings)):
        lines.append(text.request_id(context.case))
    if context.duplicates:
        lines.append(watch.repeated(context.duplicates))
    if context.invented:
        lines.append(about.INVENTED)
    if lines:
        yield ContextBlock(elements=[MarkdownTextObject(text=mrkdwn(line), verbatim=True) for line in lines])


def _buttons(findings: Sequence[Finding], context: CardContext) -> Iterator[Block]:
    buttons = []
    if any(isinstance(finding.error, Reserved) for finding in findings):
        buttons.append(ButtonElement(action_id="hurry", text=watch.BUTTON_HURRY, value=context.case))
    if any(finding.raw for finding in findings):
        buttons.append(ButtonElement(action_id="json", text=text.BUTTON_JSON, value=context.case))
    if buttons:
        yield ActionsBlock(elements=buttons)


def _lines(findings: Sequence[Finding], context: CardContext) -> Iterator[str]:
    """The card as plain text, for notifications and screen readers."""
    if len(findings) > 1:
        yield text.tally(tally(findings))
    for finding in worst_first(findings):
        why = text.rule(finding, context.now, context.audience)
        yield f"{text.verdict(finding)} {text.subject(finding, 120)} {why}"
    if any(map(text.is_at_fault, findings)):
        yield text.request_id(context.case)
    if context.invented:
        yield about.INVENTED
