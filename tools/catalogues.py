"""The catalogues of translations: `make catalogues` brings them up to date with the sentences in the code.

A new sentence gets an empty translation, and one that is gone is removed; tests/handlers/test_catalogues.py fails until
everything is translated.
"""

from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from handlers.text.language import SPOKEN, Language

ROOT = Path(__file__).parents[1]
SENTENCES = "handlers/text"
"""Where the sentences for people are; what is said to whoever starts the bot stands with what decides it, in STARTING."""
STARTING = ("bot", "playground/web")
REFUSALS = ("OperatorError", "SettingsError", "Unusable", "NotServed")
KEYWORDS = {
    "_": None,
    "line": None,
    "said": None,
    "fault": None,
    "ngettext": (1, 2),
    **dict.fromkeys(REFUSALS),
}
"""The functions whose arguments are sentences, as Babel names them: which arguments, if not the first."""
TRANSLATED = [language for language in SPOKEN if language is not Language.ENGLISH]
WIDTH = 110
HEADER = "# {language} translations of the bot's sentences. `make catalogues` brings this file up to date."


def path(language: Language) -> Path:
    """The file of a language."""
    return ROOT / "handlers" / "text" / "locale" / language / "LC_MESSAGES" / "messages.po"


def extracted() -> Catalog:
    """Every sentence in the code, with the files that it is in and the comments for translators."""
    found = Catalog(charset="utf-8")
    for folder in (SENTENCES, *STARTING):
        for file, _, message, comments, context in extract_from_dir(
            str(ROOT / folder), [("**.py", "python")], keywords=KEYWORDS, comment_tags=("Translators:",)
        ):
            place = (f"{folder}/{file}", 0)
            found.add(message, locations=[place], auto_comments=comments, context=context)
    return found


def translated(language: Language) -> Catalog:
    """The catalogue of a language as it is; an empty one for a new language."""
    if not path(language).exists():
        return Catalog(locale=language.value, charset="utf-8")
    with path(language).open("rb") as source:
        return read_po(source, locale=language.value)


def update(language: Language) -> int:
    """Bring a catalogue up to date. Returns how many sentences are not translated."""
    catalogue = translated(language)
    catalogue.update(extracted(), no_fuzzy_matching=True, update_creation_date=False)
    catalogue.obsolete.clear()
    catalogue.fuzzy = False
    catalogue.project, catalogue.version = "vtbot", "1"
    catalogue.header_comment = HEADER.format(
        language=catalogue.locale.english_name if catalogue.locale else ""
    )
    path(language).parent.mkdir(parents=True, exist_ok=True)
    with path(language).open("wb") as target:
        write_po(target, catalogue, width=WIDTH, sort_by_file=True, include_lineno=False, omit_header=False)
    return sum(not is_translated(message) for message in catalogue if message.id)


def is_translated(message: Message) -> bool:
    """Whether a sentence has every form that its language needs."""
    forms = (message.string,) if isinstance(message.string, str) else message.string or ()
    return bool(forms) and all(forms)


def main() -> None:
    """Bring all catalogues up to date."""
    for language in TRANSLATED:
        print(f"{language}: {update(language)} sentences to translate")


if __name__ == "__main__":
    main()
