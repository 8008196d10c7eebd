"""How values of the enrichment are written, in each language: counts, dates, lists and what is missing."""

from datetime import UTC, datetime, timedelta

import pytest
from babel import Locale
from babel.dates import format_datetime
from babel.lists import format_list
from babel.numbers import format_decimal
from babel.units import format_unit

from handlers.text.format import format_value, size
from handlers.text.language import SPOKEN, Language, Moment, Shape, catalogue, language, listed, sentences
from vt.enrichment import Dated, Listing, Named, Values
from vt.evidence import Evidence

DATE = datetime(2018, 1, 13, 5, 28, tzinfo=UTC)
SEEN = Evidence("url", "http://example.co.in/urlURL", positives=2, total=66, date=DATE)
NAMES = Values(("Bkav", "MicroWorld-eScan"), left=1988)
INFO = Values((Named("Safety score", 100), Named("Adult", False), Named("Tags", Values(("a", "b")))))


@pytest.mark.parametrize(
    ("value", "english", "japanese", "spanish"),
    [
        (
            SEEN,
            "2 of 66 engines: hxxp://example[.]co[.]in/urlURL (13 Jan 2018)",
            "66エンジン中2: hxxp://example[.]co[.]in/urlURL（2018年1月13日）",
            "2 de 66 motores: hxxp://example[.]co[.]in/urlURL (13 ene 2018)",
        ),
        (
            NAMES,
            "Bkav, MicroWorld-eScan, +1,988 more",
            "Bkav、MicroWorld-eScan、ほか1,988件",
            "Bkav, MicroWorld-eScan y 1.988 más",
        ),
        (INFO, "Safety score: 100, Adult: no, Tags: a, b", "Safety score: 100、Adult: いいえ、Tags: a、b",
         "Safety score: 100, Adult: no, Tags: a, b"),
        (Listing("url", detected=True, count=100), "detected URLs: 100+", "検出されたURL: 100+", "URL detectadas: 100+"),
        (Dated("192.0.2.1", DATE), "192[.]0[.]2[.]1 (13 Jan 2018)", "192[.]0[.]2[.]1（2018年1月13日）",
         "192[.]0[.]2[.]1 (13 ene 2018)"),
        (DATE, "13 Jan 2018 05:28 UTC", "2018年1月13日 05:28 UTC", "13 ene 2018 05:28 UTC"),
        (1234567, "1,234,567", "1,234,567", "1.234.567"),
        (1.5, "1.5", "1.5", "1,5"),
        (None, "unknown", "不明", "desconocido"),
    ],
)  # fmt: skip
def test_a_value_in_each_language(value, english, japanese, spanish):
    """What VirusTotal sent stays; what is said of it is the reader's."""
    for spoken, words in (
        (Language.ENGLISH, english),
        (Language.JAPANESE, japanese),
        (Language.SPANISH, spanish),
    ):
        with language(spoken):
            assert format_value(value, 400) == words


@pytest.mark.parametrize(
    ("spoken", "sizes"),
    [
        (Language.ENGLISH, ["1 byte", "9,999 bytes", "12.3 MB"]),
        (Language.JAPANESE, ["1 バイト", "9,999 バイト", "12.3 MB"]),
        (Language.SPANISH, ["1 byte", "9.999 bytes", "12,3 MB"]),
    ],
)
def test_sizes(spoken, sizes):
    """As each language writes units and decimals."""
    with language(spoken):
        assert [size(count) for count in (1, 9_999, 12_345_678)] == sizes


def test_japanese_puts_nothing_between_sentences():
    """The others put a space."""
    with language(Language.JAPANESE):
        assert sentences("終わり。", "", "次。") == "終わり。次。"
    assert sentences("The end.", "", "Next.") == "The end. Next."


@pytest.mark.parametrize("spoken", SPOKEN)
def test_numbers_sizes_dates_and_lists_are_written_as_unicode_says(spoken):
    """Babel has CLDR's tables, which take too much memory for a bot at work. English has the day first all the same."""
    locale = Locale(spoken)
    pattern = "d MMM y" if spoken is Language.ENGLISH else locale.datetime_skeletons["yMMMd"].pattern
    days = [DATE + timedelta(days=31 * month) for month in range(24)]
    words = ["a", "b", "c", "d"]
    numbers = (
        0,
        -5,
        999,
        1000,
        9_999,
        12_345_678,
        -1_234,
        10**21,
        1.5,
        0.1234,
        1234.5678,
        2.0015,
        -0.0005,
        1e21,
        7.0,
    )
    sizes = (0, 1, 2, 999, 1000, 9_999)
    with language(spoken):
        assert [catalogue(spoken).number(one) for one in numbers] == [
            format_decimal(one, locale=locale) for one in numbers
        ]
        assert [size(one) for one in sizes] == [format_unit(one, "byte", locale=locale) for one in sizes]
        assert [size(one * 10_000) for one in (1, 125, 135, 255, 123_456)] == [
            format_unit(one / 100, "megabyte", "short", format="#,##0.0", locale=locale)
            for one in (1, 125, 135, 255, 123_456)
        ]
        assert [str(Moment(day, Shape.DAY)) for day in days] == [
            format_datetime(day, pattern, locale=locale) for day in days
        ]
        assert [listed(words[:count]) for count in range(5)] == [
            format_list(words[:count], locale=locale) for count in range(5)
        ]
