"""The catalogues: every sentence has a translation, each keeps its placeholders, and Slack's limits hold in every language."""

import ast
import re
from gettext import c2py
from string import Formatter

import pytest

from handlers.request import ChannelSettings, FormModal, Found, Origin, Verb
from handlers.stored_shapes import CHANNEL_SETTINGS
from handlers.text import about, channels, files, modals, terminal, usage
from handlers.text.findings import SCAN_DATE, SCANNED_URL, STATES
from handlers.text.language import Language, catalogue, language, spoken_in
from handlers.views import form, layout, messages
from handlers.views.rich_text import rendered_view
from tests.support.slack_rules import faults, message_faults
from tools.catalogues import ROOT, SENTENCES, TRANSLATED, extracted, is_translated, translated
from vt.verdict import State

SAYS = frozenset({"_", "line", "ngettext", "said", "fault"})
"""The functions whose arguments are in the catalogues."""


def placeholders(text):
    return sorted(name for _, name, _, _ in Formatter().parse(text) if name is not None)


def ids(catalogue):
    return {message.id for message in catalogue if message.id}


@pytest.mark.parametrize("spoken", TRANSLATED)
def test_every_sentence_is_translated(spoken):
    """None is missing, none is left over, and none is a guess: after a new sentence, run `make catalogues`."""
    catalogue = translated(spoken)
    assert ids(catalogue) == ids(extracted())
    assert [message.id for message in catalogue if message.id and not is_translated(message)] == []
    assert [message.id for message in catalogue if message.id and message.fuzzy] == []
    assert not catalogue.obsolete


@pytest.mark.parametrize("spoken", TRANSLATED)
def test_a_catalogue_is_read_as_babel_reads_it(spoken):
    """A bot at work reads the file itself: Babel would load its tables of all languages."""
    by_babel = {
        message.id[0] if message.pluralizable else message.id: message.string
        for message in translated(spoken)
        if message.id
    }
    read = catalogue(spoken).translations
    assert {
        source: one[0] if isinstance(by_babel[source], str) else tuple(one) for source, one in read.items()
    } == by_babel
    plural = translated(spoken).plural_expr
    assert all(catalogue(spoken).form_of(count) == c2py(plural)(count) for count in (0, 1, 2, 5, 10**6))


@pytest.mark.parametrize("spoken", TRANSLATED)
def test_a_translation_has_the_same_placeholders(spoken):
    """In each plural form; only a form for exactly one may leave out {count}."""
    for message in translated(spoken):
        if not message.id:
            continue
        if isinstance(message.id, str):
            assert placeholders(message.string) == placeholders(message.id), message.id
            continue
        one, other = message.id
        first, *rest = message.string
        allowed = [placeholders(other)] if not rest else [placeholders(one), placeholders(other)]
        assert placeholders(first) in allowed, message.id
        assert [placeholders(form) for form in rest] == [placeholders(other)] * len(rest), message.id


@pytest.mark.parametrize("spoken", TRANSLATED)
def test_commands_options_and_settings_are_not_translated(spoken):
    """What people type, and the names of settings, are the same in every language."""
    for message in translated(spoken):
        for source, said in zip(*forms(message), strict=True):
            assert set(FIXED.findall(source)) <= set(FIXED.findall(said)), source


FIXED = re.compile(
    r"/vt (?:help|form|settings|ping|quota|watch|ignore|scan-[a-z]+|domain-report)"
    r"|--[a-z-]+|[A-Z]+(?:_[A-Z]+)+|vtbot [a-z]+|https?://\S+",
    re.ASCII,
)


def forms(message):
    """The last form of a sentence in English, and of its translation."""
    if not message.id:
        return (), ()
    return (
        ([message.id], [message.string])
        if isinstance(message.id, str)
        else (message.id[1:], message.string[-1:])
    )


def literals(node, inside=False):
    """The strings in handlers/text that no catalogue can have: those outside of calls of SAYS."""
    if isinstance(node, ast.Call):
        inside = inside or getattr(node.func, "id", "") in SAYS
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and not inside:
        yield node.value
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)):
            yield from literals(child, inside)


@pytest.mark.parametrize("module", sorted(path.name for path in (ROOT / SENTENCES).glob("*.py")))
def test_every_sentence_is_in_the_catalogues(module):
    """A string of several words in handlers/text is given to `_`, `line`, `said`, `fault` or `ngettext`."""
    found = literals(ast.parse((ROOT / SENTENCES / module).read_text("utf-8")))
    sentences = [one for one in found if re.search(r"[A-Za-z]{2} [A-Za-z]{2}", one)]
    typed = ("/vt ", "--")
    assert [one for one in sentences if one not in THE_SAME_EVERYWHERE and not one.startswith(typed)] == []


THE_SAME_EVERYWHERE = {
    *(files.ADDRESS, files.USER, files.PASSWORD, files.PATHS),
    *(SCAN_DATE, SCANNED_URL),
    *channels.CHANGED,
    *terminal.OPTIONS,
    *terminal.ARGPARSE,
    "lazy_gettext as _",
}
"""Documented names of fields, of settings as the audit has them, of options, and what argparse says. What people type is not translated either."""


@pytest.mark.parametrize("spoken", Language)
def test_unknown_never_reads_like_clean(spoken):
    """Each state has a word of its own, and what is said of the unknown denies that it is clean."""
    with language(spoken):
        words = [str(STATES[state]) for state in State]
    assert len(set(words)) == len(words)
    assert not any(one in other for one in words for other in words if one != other)


@pytest.mark.parametrize(
    ("locale", "spoken"),
    [
        ("ja-JP", Language.JAPANESE),
        ("ja_JP.UTF-8", Language.JAPANESE),
        ("es-419", Language.SPANISH),
        ("es_MX.UTF-8", Language.SPANISH),
        ("en-GB", Language.ENGLISH),
        ("de-DE", None),
        ("C.UTF-8", None),
        ("", None),
    ],
)
def test_the_language_of_a_locale(locale, spoken):
    """As Slack and POSIX write locales; None where the bot does not speak the language."""
    assert spoken_in(locale) is spoken


# Slack's limits --------------------------------------------------------------------------------------------

BUTTONS = (
    *(modals.MORE.values()),
    *(modals.BUTTON_SHARE, modals.BUTTON_SUBMIT, modals.HIDE, modals.ANYWAY, usage.OPEN_FORM),
    *(modals.EARLIER, modals.LATER, modals.OLDER, channels.SETTINGS, modals.CHECK_KEY, files.LOOK_AGAIN),
    *(channels.BUTTON_HURRY, channels.BUTTON_ALLOW, channels.BUTTON_LEAVE),
)
TITLES = (*modals.TITLES.values(), usage.FORM_TITLE, files.LOGIN_TITLE)
CLOSING = (
    usage.FORM_SUBMIT,
    usage.FORM_CLOSE,
    channels.SAVE,
    modals.CLOSE,
    files.LOGIN_SUBMIT,
    files.LOGIN_CLOSE,
)
OPTIONS = (*channels.ANSWER_WAYS.values(), *files.UPLOAD_WAYS.values(), *channels.LANGUAGES.values())
LIMITS = {
    75: (*BUTTONS, *OPTIONS),
    24: (*TITLES, *CLOSING, about.SHORTCUT_CHECK),
    30: (modals.CONFIRM_YES, modals.CONFIRM_NO),
    100: (modals.CONFIRM_TITLE,),
    300: (modals.CONFIRM_SUBMIT,),
    140: (about.APP_DOES,),
    150: (about.SHORTCUT_CHECK_DOES, about.FORM_DOES, *about.IN_MESSAGE.values()),
}
"""Characters that Slack takes, and what is shown there."""


@pytest.mark.parametrize("spoken", Language)
def test_sentences_fit_where_slack_shows_them(spoken):
    """Buttons, titles, options, confirmations, and the manifest's names and descriptions."""
    with language(spoken):
        for limit, sentences in LIMITS.items():
            assert [str(one) for one in sentences if len(str(one)) > limit] == []


@pytest.mark.parametrize("spoken", Language)
def test_modals_and_help_break_no_rule_of_slacks(spoken):
    """The form with everything in it, the login, a channel's settings for those who may change them or not, and the help."""
    origin = Origin(team="T1", user="U1", channel="C1")
    head = {"id": "m1", "delivery": "d1", "at": "2026-11-27T12:00:00Z", "origin": origin}
    found = (Found(kind="ipv4", value="192.0.2.1", written="192.0.2.1"),)
    with language(spoken):
        views = [
            form.form(FormModal(**head), notice=about.ATTACHED),
            form.form(FormModal(**head, found=found * 101)),
            form.login_form("m1", form.Prefilled()),
        ]
        shown = [rendered_view(view) for view in views]
        assert [faults("modal", one) for one in shown] == [[]] * len(shown)
        assert message_faults(messages.help_message()) == []
        assert message_faults(messages.form_offer("m1")) == []
        for title in modals.TITLES.values():
            view = layout.sentence(title, "m1", Verb.DETAILS, modals.WAIT)
            assert faults("modal", rendered_view(view)) == []


def test_settings_that_were_stored_before_there_were_languages_choose_none():
    """Their "en" was nobody's choice: such a channel follows LANGUAGE."""
    assert CHANNEL_SETTINGS.read({"language": "en", "answers": "private"}).language == ""
    kept = ChannelSettings(language="ja")
    assert CHANNEL_SETTINGS.read({"version": 3, **kept.model_dump(mode="json")}).language == "ja"


def test_a_catalogue_is_read_once():
    """It is compiled at first use and kept."""
    assert catalogue(Language.JAPANESE) is catalogue(Language.JAPANESE)
