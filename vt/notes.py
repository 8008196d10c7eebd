"""What the reader of an answer must know besides its verdict, a word for each. The sentences are in handlers/text."""

from enum import StrEnum


class Note(StrEnum):
    """One for a finding at most; the values are stored."""

    REGISTERED_DOMAIN = "registered-domain"
    """The host as given is not known: this is the report of its registered domain."""
    NEEDS_PRIVATE_KEY = "rescan-needs-private-key"
    """Not rescanned: this key may not."""
    RESCAN_REFUSED = "rescan-refused"
    """Not rescanned: VirusTotal would not."""
    GAVE_UP = "gave-up-waiting"
    """It was still being analysed when nobody waited for it any more."""
    INTERRUPTED = "interrupted"
    """It may have been uploaded or not, and is waited for."""
    PERHAPS = "perhaps-uploaded"
    """The same, and nothing newer came of it."""
    NOT_UPLOADED = "not-uploaded"
    """It is known, and a newer analysis could not be had: the finding's trouble says why."""
    TO_AGREE = "to-agree"
    """A file that may be uploaded once somebody agrees."""
    NEVER_BY_NAME = "never-by-name"
    NEVER_BY_CONTENT = "never-by-content"
    """A file that is not uploaded, whoever agrees."""
    BY_HASH = "by-hash"
    """A file that was not opened: who asked may not have it read."""


LEFT = (Note.GAVE_UP, Note.PERHAPS)
"""Waited for in vain: it may be looked at again."""
NEVER = (Note.NEVER_BY_NAME, Note.NEVER_BY_CONTENT)
