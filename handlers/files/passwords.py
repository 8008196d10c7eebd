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
_OPTION = re.compile(
    rf"(?<!\S)-{{1,2}}{_WORD}(?![\w-])"
    r"|(?<!\S)--host(?:=|\s+)[^\s:]*:[^\s@]*@",  # --host user:X@host
    re.IGNORECASE,
)
_PATH = re.compile(r"(?<!\S)/\w")
_SERVER = re.compile(r"(?<![a-z0-9])(?:ssh|sftp|scp)://[^\s/:@]*:[^\s@]*@", re.IGNORECASE)
"""The login of a server, in front of a path. A web address with a login is an indicator."""
_LOGIN = re.compile(":.*@", re.DOTALL)


def given(text: str) -> bool:
    """Is there one in a text that may be about anything: as an option? Mere mentions are what people look up."""
    return _OPTION.search(text) is not None


def in_host(name: str) -> bool:
    """Is there one in the name of a server? `user:X@host`, or anything that looks like it."""
    return _LOGIN.search(name) is not None or typed(name)


def beside_a_path(text: str) -> bool:
    """Is there one in what is to be kept for a form?"""
    beside = typed(text) and _PATH.search(text) is not None
    return given(text) or beside or _SERVER.search(text) is not None


def typed(line: str) -> bool:
    """Does a line for files seem to hold one? Rather one refusal too many than one password kept."""
    return _TYPED.search(line) is not None
