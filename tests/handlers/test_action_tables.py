"""Every table that is keyed by an action has a row for each action, and no other."""

import pytest

from handlers.text import about
from handlers.text import usage as usage_text
from handlers.text.usage import TAKES
from vt.actions import ACTIONS, BY_KEY
from vt.enrichment import COMPUTED, REPEATS
from vt.lookup import Step
from vt.models import Reply
from vt.steps import ENDPOINTS

TABLES = {
    "vt.steps.ENDPOINTS": ENDPOINTS,
    "handlers.text.usage.DOES": usage_text.DOES,
    "handlers.text.about.IN_MESSAGE": about.IN_MESSAGE,
    "handlers.text.usage.TAKES": TAKES,
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_has_a_row_for_each_action(name):
    """The failure names the table and the row that is missing, or is there for no action."""
    keys = {action.key for action in ACTIONS}
    missing, unknown = keys - TABLES[name].keys(), TABLES[name].keys() - keys
    assert not missing, f"{name} has no row for {sorted(missing)}"
    assert not unknown, f"{name} has rows for no action: {sorted(unknown)}"


def test_repeats_are_named_by_action_and_field():
    """Fields that are left out for people are fields of that action."""
    for key, labels in REPEATS.items():
        assert set(labels) <= {label for label, _ in BY_KEY[key].fields}


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.key)
def test_each_field_of_an_action_has_a_place_where_its_value_comes_from(action):
    """An attribute of the action's report, or an entry of COMPUTED, which has no entry that an attribute would hide behind."""
    names = {name for _, name in action.fields}
    attributes = action.report.model_fields.keys()
    assert names
    assert names <= attributes | COMPUTED.keys()
    assert not attributes & COMPUTED.keys()


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.key)
def test_a_row_has_all_that_is_made_from_it(action):
    """A model for the report, a name in the reply cache, a setting for the threshold, and a way to ask for the report."""
    assert issubclass(action.report, Reply)
    assert action.cached_as
    assert action.setting
    assert action.kinds or action.files
    assert Step.ASK in ENDPOINTS[action.key]
    assert action.rescans <= (Step.RESCAN in ENDPOINTS[action.key])


def test_no_two_actions_have_the_same_key_title_or_setting():
    """Commands, shortcuts and settings are named after them."""
    for name in ("key", "title", "setting"):
        assert len({getattr(action, name) for action in ACTIONS}) == len(ACTIONS) == len(BY_KEY)
