"""Passwords that are typed where they do not belong: into a command, which Slack keeps and others may read."""

import re

_WORD = r"(?:linux[ _-]?)?(?:password|passwort|passwd|passphrase|pass|pwd|pw)"
_SPELLINGS = (
    rf"(?<!\S)-{{1,2}}{_WORD}\b",  # --password X, --password=X, -pass X, --linux-password X
    rf"(?<![\w/.-]){_WORD}\s*[:=]",  # password=X, Linux Password: X
    r"(?<!\S)(?:sshpass\b|-p\b)",  # as programs take it
    r"(?<!\S)(?:[a-z]+://)?[^\s/:@,]+:[^\s@]*@[^\s/,]",  # user:X@host, sftp://user:X@host/path
)
_TYPED = re.compile("|".join(_SPELLINGS), re.IGNORECASE)


_OPTION = re.compile(rf"(?<!\S)-{{1,2}}{_WORD}(?![\w-])", re.IGNORECASE)
_PATH = re.compile(r"(?<!\S)/\w")


def given(text: str) -> bool:
    """Is there one in a text that may be about anything: as an option? Mere mentions are what people look up."""
    return _OPTION.search(text) is not None


def beside_a_path(text: str) -> bool:
    """Is there one in what is to be kept for a form?"""
    return given(text) or (typed(text) and _PATH.search(text) is not None)


def typed(line: str) -> bool:
    """Does a line for files seem to hold one? Rather one refusal too many than one password kept."""
    return _TYPED.search(line) is not None
