"""What `vtbot ask` is asked: the words after it, or the text that comes through standard input."""

import codecs
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TextIO

from handlers.commands import Command, NoValue, TooLong
from handlers.parser import check_options, parse, parse_options, parse_values, with_hyphens
from vt.actions import BY_KEY
from vt.verdict import Finding, State

DASH = "-"
"""The word that stands for standard input."""
LONGEST = 1 << 20
"""Bytes that are read from standard input."""


class FailOn(StrEnum):
    """The mildest state that `--fail-on` counts as a failure."""

    RISKY = "risky"
    SUSPICIOUS = "suspicious"

    def fails(self, finding: Finding) -> bool:
        """Whether this finding is that bad, or worse."""
        states = {State.RISKY} if self is FailOn.RISKY else {State.RISKY, State.SUSPICIOUS}
        return finding.state in states


@dataclass(frozen=True, slots=True)
class Question:
    """The words after `ask`, without its own options, and those."""

    line: str
    as_json: bool = False
    fail_on: FailOn | None = None


class NoQuestion(Exception):
    """No text was typed, and standard input is closed, or a terminal where nobody said that they would type it."""


def command(line: str, thresholds: Mapping[str, int]) -> Command:
    """The command of a line that was typed after `ask`. Raises UsageError, NoQuestion.

    Without a value, or with `-` for one, the values are read from standard input. There they are only text: a word
    such as `watch` or `--share` in somebody's notes is no command. `scan-file -` is about the bytes of standard input.
    """
    line = with_hyphens(line.removeprefix("/vt ")).strip()
    first, _, rest = line.partition(" ")
    action = BY_KEY.get(first.lower())
    if action and action.files:
        return parse(line, thresholds, has_entities=False)
    options, value = parse_options(rest if action else line, strict=False)
    if value.strip() not in ("", DASH):
        return parse(line, thresholds, has_entities=False)
    text = _standard_input(asked_for=value.strip() == DASH)
    if text is None:
        raise NoValue(action) if action else NoQuestion
    check_options(action, options)
    return parse_values(action, text, options, thresholds, partial=True)


def _standard_input(*, asked_for: bool) -> str | None:
    """Its text. None when it is closed, or a terminal and nobody `asked_for` it. Raises TooLong.

    After the shell's `<&-`, Python sets sys.stdin to None.
    """
    if sys.stdin is None or (sys.stdin.isatty() and not asked_for):
        return None
    return read_text(sys.stdin)


def read_text(stream: TextIO) -> str:
    """All text of a stream. Raises TooLong."""
    read = stream.buffer.read(LONGEST + 1)
    if len(read) > LONGEST:
        raise TooLong(LONGEST)
    # Editors on Windows save lists as UTF-16, with a byte order mark.
    utf16 = read.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return read.decode("utf-16" if utf16 else "utf-8-sig", errors="replace")
