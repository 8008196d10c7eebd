"""Every error has a sentence with a next step; every state and note has words."""

from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta

import pytest

from handlers.text import errors as errors_text
from handlers.text import findings as findings_text
from handlers.text import format as format_text
from handlers.text import usage as usage_text
from handlers.text.format import Audience
from vt import errors
from vt.errors import pack, tree, unpack
from vt.files.disk import Disk
from vt.files.provider import Roots
from vt.verdict import Note, State

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
SAMPLES = {
    str: "why",
    bool: True,
    int: 3,
    float: 1.5,
    datetime: NOW,
    datetime | None: NOW,
    tuple[str, ...] | None: ("/srv/samples",),
}


def sample(kind):
    """An error of that kind with data in every field."""
    data = fields(kind) if is_dataclass(kind) else ()
    return kind(*(SAMPLES[field.type] for field in data))


def test_every_error_of_the_tree_has_a_sentence():
    """Walk the tree: none is forgotten, none is there that no longer exists."""
    assert set(errors_text.ERRORS) == set(tree())


def test_every_note_has_a_sentence():
    """None is forgotten."""
    assert set(findings_text.NOTES) == set(Note)


NEXT_STEPS = (
    "again",
    "whoever runs this bot",
    "/vt ",
    "inventory",
    "virustotal.com",
    "Check",
    "Look",
    "look ",
    "Name ",
    "Ask ",
    "itself",
    "Choose",
    "Use ",
)


@pytest.mark.parametrize("kind", list(tree()), ids=lambda kind: kind.__name__)
def test_every_sentence_ends_and_names_a_next_step(kind):
    """It says what happened and what to do about it."""
    sentence = errors_text.error(sample(kind))
    assert sentence.endswith((".", "…"))
    assert any(step in sentence for step in NEXT_STEPS), sentence


def test_every_state_has_an_icon_of_its_own():
    """No two states look alike, and CLEAN is never called safe."""
    assert set(findings_text.ICONS) == set(State)
    assert len(set(findings_text.ICONS.values())) == len(State)
    assert "safe" not in f"{errors_text.UNKNOWN} {findings_text.NOT_FLAGGED} {usage_text.HELP_STATES}"


@pytest.mark.parametrize(("seconds", "words"), [(0, "1 s"), (38, "38 s"), (120, "2 min"), (7200, "2 h")])
def test_a_pause_is_said_in_the_unit_that_is_read_quickest(seconds, words):
    """Seconds, minutes, hours."""
    assert format_text.seconds(NOW + timedelta(seconds=seconds), NOW) == words


@pytest.mark.parametrize(
    ("path", "allowed", "sentence"),
    [
        ("invoice.zip", ("/data/in",), "Give the full path, such as /data/in/invoice.zip, and"),
        ("./old/invoice.zip", ("/data/in/", "/srv"), "such as /data/in/invoice.zip, and"),
        ("~/invoice.zip", (), "such as /srv/samples/invoice.zip, and"),
        ("C:\\invoice.zip", None, "such as /srv/samples/invoice.zip, and"),
        ("", ("/data/in",), "such as /srv/samples/invoice.zip, and"),
        (
            "/etc/passwd",
            ("/srv", "/data/in"),
            "I may not read files there. Name a file below /srv, /data/in.",
        ),
        ("/srv/../etc/passwd", ("/srv",), "I may not read files there. Name a file below /srv."),
        ("/etc/passwd", tuple(f"/srv/{n}" for n in range(9)), "/srv/3, /srv/4…."),
        ("/etc/passwd", (), "I may not read files there, nor in any other folder. Look up the hash instead"),
        ("/etc/passwd", None, "Ask whoever runs this bot which folders I may read."),
    ],
)
def test_a_path_that_may_not_be_read_is_answered_with_one_that_may(path, allowed, sentence):
    """What is allowed is named to everybody, the setting only to whoever runs the bot."""
    trouble = unpack(pack(errors.NotAllowed(path, allowed)))
    assert sentence in errors_text.error(trouble)
    assert "FILE_ROOTS" not in errors_text.error(trouble)
    assert "FILE_ROOTS" in errors_text.error(trouble, Audience(operator=True))


async def test_the_folders_that_are_named_are_those_of_the_settings(tmp_path):
    """For a path outside them, and for one that is not a full path."""
    disk = Disk(Roots((tmp_path,)), limit=1)
    for path in ("/etc/passwd", "invoice.zip"):
        with pytest.raises(errors.NotAllowed) as refused:
            await disk.open(path)
        assert str(tmp_path) in errors_text.error(refused.value)
