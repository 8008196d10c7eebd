"""The page's colours, from its stylesheets alone: what is read stands out from all it can lie on, light and dark."""

import itertools
import re

import pytest

from tests.support.browser import HERE, MISSING, build

pytestmark = pytest.mark.slow

STYLES = {
    "page": HERE / "playground/web/client/src/style.css",
    "plain page": HERE / "playground/web/plain/assets/plain.css",
}
LIBRARY = HERE / "playground/web/client/node_modules/slack-blocks-to-jsx/dist/style.css"
# Web Content Accessibility Guidelines 2.2, level AA: 1.4.3 for text, 1.4.11 for what shows a control or the focus.
TEXT, CONTROL = 4.5, 3.0

# A region's first rule gives its text and background. Within a region, any colour of text can lie on any background,
# but for rules that set both: those are a pair of their own (a mention, a badge, a button).
REGIONS = {
    "content": (r"", ("html, body, #root", "body")),
    "bars": (r"^\.(top|sidebar|acting|lost)\b", (".top, .sidebar",)),
    "picked": (
        r"\[aria-selected|^\.(list button|offers li):(hover|focus)",
        (".offers li[aria-selected='true'], .offers li:hover", ".list button:hover, .list button:focus"),
    ),
    "avatars": (r"^\.avatar", (".avatar",)),
}
RULE = re.compile(r"([^{}]+)\{((?:[^{}]|\{[^{}]*\})*)\}")
COLOUR = re.compile(r"#(?:[0-9a-f]{3,4}){1,2}\b")


def rules(css, scheme):
    """Each (selector, declarations) that holds in this colour scheme, at any width."""
    for head, body in RULE.findall(re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)):
        if not head.strip().startswith("@"):
            yield " ".join(head.split()), _declared(body)
        elif "prefers-color-scheme" not in head or f"prefers-color-scheme: {scheme}" in head:
            yield from rules(body, scheme)


def _declared(body):
    pairs = (line.split(":", 1) for line in body.split(";") if ":" in line)
    return {name.strip(): value.strip() for name, value in pairs}


class Sheet:
    """A stylesheet in one colour scheme, its variables resolved."""

    def __init__(self, css, scheme):
        self.rules = list(rules(css, scheme))
        self.variables = {}
        for selector, declared in self.rules:
            if selector == ":root":
                self.variables |= declared

    def colour(self, declared, *names):
        """The first of these properties that is a colour; None when it is inherited, transparent or not set."""
        for name in names:
            value = re.sub(r"var\((--[\w-]+)\)", lambda used: self.variables[used[1]], declared.get(name, ""))
            if found := COLOUR.search(value):
                return found[0]
        return None

    def pairs(self, region):
        """Each (foreground, its selector, background, its selector) that can meet in a region."""
        inks, grounds = [], []
        for selector, declared in self.rules:
            if _region(selector) != region or "::backdrop" in selector:
                continue
            ink, ground = self.colour(declared, "color"), self.colour(declared, "background")
            base = selector in REGIONS[region][1]
            if ink and ground and not base:
                yield ink, selector, ground, selector
                continue
            inks += [(ink, selector)] if ink else []
            grounds += [(ground, selector)] if ground else []
        for (ink, writes), (ground, fills) in itertools.product(inks, grounds):
            yield ink, writes, ground, fills


def _region(selector):
    return next(
        (name for name, (match, _) in REGIONS.items() if match and re.search(match, selector)), "content"
    )


def contrast(one, other):
    """The ratio of two opaque colours, 1 to 21, as WCAG 2 defines it."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour):
    digits = colour[1:] if len(colour) > 4 else "".join(2 * digit for digit in colour[1:])
    assert len(digits) == 6, f"{colour} is translucent: what lies beneath would decide whether it can be read"
    parts = (int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4))
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.fixture(params=["light", "dark"])
def scheme(request):
    """What the reader's system asks for."""
    return request.param


@pytest.fixture(params=STYLES)
def sheet(request, scheme):
    """Each of the page's stylesheets in each colour scheme."""
    return Sheet(STYLES[request.param].read_text(), scheme)


def test_the_ratio_is_the_one_of_the_guidelines():
    """Against pairs whose contrast is published, and the one that was too low."""
    assert contrast("#000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#fff") == pytest.approx(4.48, abs=0.01)
    assert contrast("#1d9bd1", "#1b3644") == pytest.approx(4.01, abs=0.01)


def test_text_stands_out_from_every_background_it_can_lie_on(sheet):
    """Messages, hovered, for one's own eyes only; mentions, links, badges, code, forms, what is picked: 4.5 or more."""
    low = [
        f"{writes} {ink} on {fills} {ground}: {ratio:.2f}"
        for region in REGIONS
        for ink, writes, ground, fills in sheet.pairs(region)
        if (ratio := contrast(ink, ground)) < TEXT
    ]
    assert low == []


def test_borders_of_controls_and_the_focus_ring_stand_out(scheme):
    """3 or more, on every background that content has; in the bars, where the ring has a colour of its own, too."""
    sheet = Sheet(STYLES["page"].read_text(), scheme)
    grounds = {region: {ground for _, _, ground, _ in sheet.pairs(region)} for region in REGIONS}
    content = {sheet.variables[name] for name in ("--ground", "--raised", "--only", "--code-ground")}
    assert content <= grounds["content"]
    edges = [(sheet.variables[name], ground) for name in ("--edge", "--focus") for ground in content]
    edges += [(sheet.variables["--side-focus"], ground) for ground in grounds["bars"]]
    assert [pair for pair in edges if contrast(*pair) < CONTROL] == []


def test_every_region_is_in_use(scheme):
    """A region that no rule is in would be a test of nothing; content has every kind of background there is."""
    sheet = Sheet(STYLES["page"].read_text(), scheme)
    selectors = [selector for selector, _ in sheet.rules]
    for region, (_, bases) in REGIONS.items():
        assert list(sheet.pairs(region)), region
        assert set(bases) & set(selectors), region
    filled = {fills for _, _, _, fills in sheet.pairs("content")}
    for part in (
        "message:hover",
        "[data-ephemeral",
        ".file",
        "dialog",
        ".slack_user",
        ".badge",
        "pre",
        ".primary",
    ):
        assert any(part in selector for selector in filled), part


@pytest.mark.skipif(MISSING is not None, reason=str(MISSING))
def test_no_colour_of_the_library_is_left_where_it_can_be_read(scheme):
    """Mentions, links, code, quotes and tables, each in the page's own colours, which the tests above judge."""
    build()  # the library comes with the page's packages
    own = {
        name
        for selector, declared in Sheet(STYLES["page"].read_text(), scheme).rules
        if selector.startswith("#slack_blocks_to_jsx") and {"color", "background"} & declared.keys()
        for name in re.findall(r"(?<![\w-])(?:\.[\w-]+|a|pre|th|blockquote)(?![\w-])", selector)
    }
    drawn = re.compile(r"\.slack_(?!blocks)\w+|__markdown_block (\w+)")
    left = {
        found[1] or found[0]
        for selector, declared in rules(LIBRARY.read_text(), scheme)
        if {"color", "background-color"} & declared.keys()
        for found in drawn.finditer(selector)
        if (found[1] or found[0]) not in own and not (found[0] == ".slack_link" and "a" in own)
    }
    assert left == set()
