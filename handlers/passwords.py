"""Recognises passwords typed into a command, which Slack stores and other people may be able to read. Pure."""

import re

_WORD = r"(?:linux[ _-]?)?(?:password|passwort|passwd|passphrase|pass|pwd|pw)"
_SPELLINGS = (
    rf"(?<!\S)-{{1,2}}{_WORD}\b",  # --password X, --password=X, -pass X, --linux-password X
    rf"(?<![\w/.-]){_WORD}\s*[:=]",  # password=X, Linux Password: X
    r"(?<!\S)(?:sshpass\b|-p\b)",  # options of ssh programs
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
"""The login of a server before a path. A web address with a login is not one: it is an indicator."""
_LOGIN = re.compile(":.*@", re.DOTALL)


def in_any_text(text: str) -> bool:
    """Whether a text about anything has a password as an option. Merely mentioning passwords is what people look up."""
    return _OPTION.search(text) is not None


def in_file_command(line: str) -> bool:
    """Whether a line about files may hold a password. It is better to refuse a harmless line than to store a password."""
    return _TYPED.search(line) is not None


def in_host_name(name: str) -> bool:
    """Whether the name of a server holds a password, as in `user:X@host`."""
    return _LOGIN.search(name) is not None or in_file_command(name)


def in_form_text(text: str) -> bool:
    """Whether a text that is stored until its form is sent may hold a password."""
    about_files = in_file_command(text) and _PATH.search(text) is not None
    return in_any_text(text) or about_files or _SERVER.search(text) is not None
