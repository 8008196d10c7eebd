"""What has been going on before the bot is tried: a quiet #general, and an incident with things to look up."""

from collections.abc import Iterator

from playground.slack import markup, samples
from playground.slack.files import mimetype
from playground.slack.records import File, Message
from playground.slack.state import State

ANA, BEN, ADMIN, TICKETS = "U0ANA00001", "U0BEN00001", "U0ADMIN001", "U0OTHERBOT"
GENERAL, INCIDENT = "C0GENERAL1", "C0INC10420"
MAIL = """\
Received: from mail.example.co.in (mail.example.co.in [192.0.2.1])
From: "Accounts" <billing@example.co.in>
To: finance@t0playgrnd.example
Subject: Invoice 1042 is overdue
Date: Mon, 4 Feb 2019 08:57:12 +0000
Content-Type: text/plain; charset=utf-8

Your invoice 1042 is overdue. See what you owe, and pay today, at hxxp://example[.]php
"""
# (minutes ago, who, what, the number of the message it answers in a thread)
_GENERAL = (
    (
        190,
        ADMIN,
        "Welcome. The people here and what they say are made up; the bot and its answers are real.",
        None,
    ),
    (188, ADMIN, "Type / to see what it can do, or open the menu of a message.", None),
    (64, BEN, "Something is up with the mails to finance, see #inc-1042", None),
)
_INCIDENT = (
    (62, TICKETS, "SEC-3381 opened by Ana Marić: phishing against finance, severity high", None),
    (
        60,
        ANA,
        "Three people in finance got “Invoice 1042 is overdue”, with this link: hxxp://example[.]php",
        None,
    ),
    (
        57,
        BEN,
        "Two of them clicked. Their machines talk to 192[.]0[.]2[.]1 and 198[.]51[.]100[.]23 since.",
        None,
    ),
    (52, BEN, "The mail as it came, with its headers", None),
    (
        41,
        ANA,
        "FIN-07 had this in a temp folder: 275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f",
        None,
    ),
    (38, BEN, "The same on FIN-12. Its MD5 is 44d88612fea8a8f36de82e1278abb02f", 4),
    (37, ANA, "Both are isolated. Do we know what it is?", 4),
    (33, BEN, "This fell out of the archive. Nobody has run it", None),
    (12, ANA, "The sender's domain is example[.]co[.]in. Has anybody seen it before?", None),
)


def furnish(state: State) -> None:
    """Post it all, as of the last hours. The bot is told of none of it."""
    _tell(state, GENERAL, _GENERAL, {})
    files = {3: ("invoice-1042.eml", MAIL.encode()), 7: ("invoice-1042.js", samples.UNKNOWN)}
    _tell(state, INCIDENT, _INCIDENT, {number: _shared(state, *file) for number, file in files.items()})


def _shared(state: State, name: str, content: bytes) -> tuple[File, ...]:
    return state.share([state.file(name, content, state.people[BEN], mimetype(name))], INCIDENT, None)


def _tell(
    state: State,
    channel: str,
    lines: tuple[tuple[int, str, str, int | None], ...],
    files: dict[int, tuple[File, ...]],
) -> None:
    stamps = list(_stamps(state, [minutes for minutes, *_ in lines]))
    for number, (_, user, text, answers) in enumerate(lines):
        marked = markup.marked(state, text)
        message = Message(
            stamps[number],
            channel,
            user,
            marked,
            markup.rich(marked),
            thread_ts=None if answers is None else stamps[answers],
            files=files.get(number, ()),
            bot_id=state.people[user].bot_id,
        )
        state.post(message)


def _stamps(state: State, minutes: list[int]) -> Iterator[str]:
    now = int(state.clock())
    return (f"{now - ago * 60}.{number:06d}" for number, ago in enumerate(minutes))
