"""Each family of requests has only its own fields, every verb has a handler, and rows of the first version are read."""

from datetime import UTC, datetime
from typing import get_args, get_type_hints

import pytest
from pydantic import TypeAdapter, ValidationError

from handlers.case import Case
from handlers.request import Modal, Origin, Request, Verb
from handlers.stored_shapes import upgrade_modal, upgrade_progress, upgrade_request
from handlers.turns.dispatch import HANDLERS
from tests.support.older_rows import DUMP

REQUEST, MODAL = TypeAdapter(Request), TypeAdapter(Modal)
FAMILIES = get_args(get_args(Request)[0])
HEAD = {
    "id": "r",
    "delivery": "d",
    "at": datetime(2026, 11, 22, tzinfo=UTC),
    "origin": Origin(team="T", user="U", channel="C"),
}
VALUES = {
    "about": "another",
    "view": "V1",
    "modal": "m",
    "part": "0::0",
    "settings": {},
    "sentence": "said",
    "arguments": "on",
    "check_key": True,
    "lookups": (),
    "people": (),
    "share": True,
    "fresh": True,
}


def verbs(family):
    return get_args(family.model_fields["verb"].annotation)


def whole(family, verb):
    own = {name: value for name, value in VALUES.items() if name in family.model_fields}
    return {**HEAD, "verb": verb, **own}


CASES = [(family, verb) for family in FAMILIES for verb in verbs(family)]


def test_every_verb_belongs_to_one_family():
    """A new verb needs a family, and no verb has two."""
    assert sorted(verb for _, verb in CASES) == sorted(Verb)


def test_every_verb_has_a_handler_that_takes_its_family():
    """Cards are answered in batches; each other verb has one handler, and its argument is a case of that family."""
    assert set(HANDLERS) == set(Verb) - {Verb.CARD}
    for family, verb in CASES:
        if verb in HANDLERS:
            taken = get_type_hints(HANDLERS[verb], include_extras=True)["case"]
            request = taken.model_fields["request"].annotation
            assert family in (request, *get_args(request)) or taken is Case, verb


@pytest.mark.parametrize(("family", "verb"), CASES, ids=lambda one: getattr(one, "value", ""))
def test_a_request_has_only_the_fields_of_its_family(family, verb):
    """Stored and read it is the same; with a field of another family, or another family's verb, it is refused."""
    data = whole(family, verb)
    request = REQUEST.validate_python(data)
    assert type(request) is family
    assert REQUEST.validate_json(request.model_dump_json()) == request
    for name, value in VALUES.items():
        if name not in family.model_fields:
            with pytest.raises(ValidationError):
                REQUEST.validate_python(data | {name: value})
    for other in set(Verb) - set(verbs(family)):
        with pytest.raises(ValidationError):
            family.model_validate(data | {"verb": other})


@pytest.mark.parametrize(("family", "verb"), CASES, ids=lambda one: getattr(one, "value", ""))
def test_what_a_family_needs_is_not_left_out(family, verb):
    """A button without the answer that it is under, or a modal without its id, is refused."""
    needed = [
        name for name in VALUES if name in family.model_fields and family.model_fields[name].is_required()
    ]
    for name in needed:
        data = whole(family, verb)
        del data[name]
        with pytest.raises(ValidationError):
            REQUEST.validate_python(data)


def test_requests_of_the_first_version_are_upgraded_once():
    """Each stored request becomes one of its family; upgraded again, it stays the same."""
    for row in DUMP["tables"]["cases"]:
        upgraded = upgrade_request(row["request"])
        assert upgrade_request(upgraded) == upgraded
        assert REQUEST.validate_python(upgraded).verb == row["verb"]
        assert upgrade_progress(upgrade_progress(row["progress"])) == upgrade_progress(row["progress"])


def test_modals_of_the_first_version_are_upgraded_once():
    """Each stored modal becomes one of its kind."""
    for row in DUMP["tables"]["modals"]:
        upgraded = upgrade_modal(row["modal"])
        assert upgrade_modal(upgraded) == upgraded
        assert MODAL.validate_python(upgraded).verb == row["modal"]["verb"]


def test_an_upgrade_does_not_hide_what_it_does_not_know():
    """A key that the first version did not have is left for validation to refuse."""
    stored = DUMP["tables"]["cases"][0]["request"]
    with pytest.raises(ValidationError):
        REQUEST.validate_python(upgrade_request({**stored, "unknown": 1}))
