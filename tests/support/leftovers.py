"""What people read that no catalogue has: the bot speaks the pseudo-language, and whatever has no accents must be data."""

import re
from dataclasses import replace

import httpx

from playground.slack import seed
from vt.actions import ACTIONS

SPOKEN = {"LANGUAGE": "en_XA"}
"""The bot's setting. A person's locale is set by `everybody_speaks_it`."""
UNREAD = frozenset(
    {
        *("action_id", "block_id", "callback_id", "channel_id", "filetypes", "format", "id", "level"),
        *("private_metadata", "style", "type", "url", "user_id", "value", "initial_value", "timestamp"),
    }
)
"""What is in blocks and is not shown, or was typed by people."""
DOCUMENTED = (
    *(label for action in ACTIONS for label, _ in action.fields),
    *(action.title for action in ACTIONS),
    *("Country", "Checked at", "Malicious Referrer Samples", "Malicious Downloaded Samples"),
    *("Malicious Communicating Samples", "Malicious URLs"),
    *("Linux Server Address", "Linux User", "Linux Password", "File Paths"),
)
"""Names that are the same in every language."""
NAMES = (
    "VirusTotal",
    "JSON",
    "CSV",
    "UTC",
    "English",
    "MB",
    "vtbot",
    "Slack",
    "SHA-256",
    "and",
)
"""Names of things, and the "and" of a list."""
TYPED = re.compile(
    r"/vt(?: (?:form|settings|report|ping|quota|watch on|help))?|(?<=/ṽţ )[a-z]+(?= )|scan-[a-z]+|domain-report"
    r"|--[a-z-]+(?: (?:NAME|[a-z]+-[0-9]))?|[A-Z]+(?:_[A-Z]+)+"
    r"|(?<=[0-9] )(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)(?= [0-9])"
)
"""Commands, options, settings, and the months of English, which the pseudo-language writes its dates in."""


NOT_WORDS = re.compile(r"\S*(?:[0-9/@_]|\w\.\w|\w:\w)\S*")
"""Addresses, links, paths, hashes and the like."""


def everybody_speaks_it(slack):
    """Each person's Slack is in the pseudo-language."""
    for person in list(slack.state.people.values()):
        slack.state.people[person.id] = replace(person, locale="en-XA")


class Screen:
    """Everything that the bot has shown to anybody in a workspace."""

    def __init__(self, app):
        self.app, self.texts = app, []
        everybody_speaks_it(app.slack)
        app.slack.watches(self._changed)

    def _changed(self, change):
        message = change.message
        if message and message.bot_id == seed.BOT.bot_id:
            self.texts += [message.text, *read(list(message.blocks))]
            self.texts += [file.alt for file in message.files]
        if change.view:
            self.texts += read(change.view.content)

    async def left(self, *data):
        """What is in no catalogue and is no data: neither VirusTotal's replies, nor `data`, nor the workspace's names."""
        replied = [text async for text in self._replied()]
        return leftovers(self.texts, [*data, *replied, *self._names()])

    def _names(self):
        people = self.app.slack.state.people.values()
        channels = self.app.slack.state.channels.values()
        return [*(one.name for one in people), *(one.name for one in channels)]

    async def _replied(self):
        async with httpx.AsyncClient(base_url=self.app.virustotal.url) as client:
            for call in list(self.app.virustotal.calls):
                if call.endpoint.endswith(("report", "comments/get")):
                    sent = {"data" if call.method == "POST" else "params": {**call.params, "apikey": "any"}}
                    reply = await client.request(call.method, call.endpoint, **sent)
                    for text in strings(reply.json() if reply.content else None):
                        yield text


def read(shown):
    """The texts in blocks or a view that people read."""
    match shown:
        case dict():
            for key, one in shown.items():
                if key not in UNREAD:
                    yield from read(one)
        case list() | tuple():
            for one in shown:
                yield from read(one)
        case str():
            yield shown


def strings(data):
    """Every text in JSON, the names of values too."""
    match data:
        case dict():
            for key, one in data.items():
                yield key
                yield from strings(one)
        case list():
            for one in data:
                yield from strings(one)
        case str() | int() | float():
            yield str(data)


def leftovers(texts, data):
    """Words without accents, each with the text that it is in: what was forgotten when sentences were put into catalogues."""
    known = sorted(
        {_plain(one) for one in (*data, *DOCUMENTED, *NAMES) if len(one) > 1}, key=len, reverse=True
    )
    found = []
    for text in dict.fromkeys(texts):
        left = TYPED.sub(" ", _plain(re.sub(r"<(?:[^<>|]*\|)?([^<>]*)>", r"\1", text)))
        for one in known:
            if one in left:
                left = re.sub(rf"(?<!\w){re.escape(one)}(?!\w)", " ", left)
            if "…" in left and len(one) > MOST_CUT:
                left = _without_cut(left, one)
        words = [word for word in re.findall(r"[^\W\d_]{2,}", NOT_WORDS.sub(" ", left)) if word.isascii()]
        if words:
            found.append(f"{' '.join(words)} · {text}")
    return found


MOST_CUT = 8


def _without_cut(text, known):
    """Without the beginning of something that is known, cut with "…"."""
    for length in range(len(known), MOST_CUT, -1):
        text = text.replace(f"{known[:length]}…", " ")
    return text


def _plain(text):
    """Fanged, on one line, as it was before it was shown."""
    for shown, meant in (("[.]", "."), ("[@]", "@"), ("[:]", ":"), ("hxxp", "http"), ("&amp;", "&")):
        text = text.replace(shown, meant)
    return " ".join(text.split())
