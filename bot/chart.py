"""Pictures, drawn by matplotlib in a process of its own: this file is both what starts that process and what runs in it.

A picture takes memory and time that the bot must not lose, and matplotlib reads text from outside. So the bot never imports
it: each picture is drawn by a new process that gets a description on stdin, no secrets in its environment, limited memory
and time, and returns a PNG on stdout. The process imports nothing of this project.
"""

import asyncio
import io
import json
import os
import resource
import sys
import warnings
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

SECONDS = 20.0
"""How long a picture may take. It takes about one second, and a few more the first time, when fonts are listed."""
AT_ONCE = 1
"""Pictures that are drawn at the same time; others wait for their turn."""
MEMORY = 2 << 30
"""Bytes of address space for one picture. Most of it is what numpy and matplotlib only reserve."""
CHARTS = "matplotlib"
"""The folder below STATE_DIR in which it keeps its list of fonts."""
PNG = b"\x89PNG\r\n\x1a\n"
LARGEST = 4 << 20
"""Bytes of a picture."""


class Charts:
    """Draws pictures in processes of their own, AT_ONCE at the same time.

    Args:
        cache: a folder in which matplotlib keeps its list of fonts, so that it is made once.
        seconds: after this time a process is killed.
        program: what is run, instead of this file.
    """

    def __init__(self, cache: Path, seconds: float = SECONDS, program: Path = Path(__file__)) -> None:
        self._cache = cache
        self._seconds = seconds
        self._command = (sys.executable, "-P", str(program))
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def draw(self, description: str) -> bytes:
        """A PNG of what is described (see `main`). Raises OSError: TimeoutError when it takes too long."""
        async with self._slots:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env=self._environment(),
            )
            try:
                async with asyncio.timeout(self._seconds):
                    picture, _ = await process.communicate(description.encode("utf-8", "replace"))
            finally:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if process.returncode or not picture.startswith(PNG) or len(picture) > LARGEST:
            raise ChildProcessError(process.returncode, "no picture")
        return picture

    def _environment(self) -> dict[str, str]:
        """Nothing of ours: the bot's own environment holds tokens. One thread: each would reserve memory."""
        threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1")
        return {"PATH": os.defpath, "MPLCONFIGDIR": str(self._cache), "MPLBACKEND": "agg", **threads}


# What runs in the process ------------------------------------------------------------------------------
#
# The words in a picture are outside text and translations: they are drawn as plain text, never as formulas.

WIDTH, DOTS = 10.0, 120
"""Inches, and dots of an inch."""
BAR, HEAD, PANEL, FOOT = 0.1, 1.0, 3.2, 0.3
"""Inches."""
INK, FAINT, LINE, GRID, SHADE = "#1d1c1d", "#616061", "#b5b5b5", "#e3e3e3", "#fdf1d8"
STATES: Mapping[str, tuple[str, str]] = {
    "RISKY": ("#d55e00", "s"),
    "SUSPICIOUS": ("#e69f00", "D"),
    "CLEAN": ("#009e73", "o"),
    "UNKNOWN": ("#8a8a8a", "X"),
}
KINDS: Mapping[str, tuple[str, str]] = {
    "url": ("#0072b2", "o"),
    "downloaded": ("#d55e00", "s"),
    "communicating": ("#cc79a7", "^"),
    "referrer": ("#8a8a8a", "v"),
}
"""Colours that colour-blind people can tell apart (Okabe and Ito), and a marker each."""
FONTS = (
    "DejaVu Sans",
    "Noto Sans CJK JP",
    "Noto Sans JP",
    "IPAexGothic",
    "IPAGothic",
    "TakaoGothic",
    "VL Gothic",
)
"""The first comes with matplotlib; the others, if the machine has them, draw what it lacks."""
MANY = 60
"""Points from which on they are drawn smaller."""
EDGE = 0.04
"""The part of a panel's width that is left empty on either side."""


def main() -> None:
    """Draw what stdin describes, as a PNG on stdout.

    `{"words": {…}, "english": {…}, "threshold": n, "panels": [{"name", "points": [[seconds, engines, group], …],
    "since", "until"}, …]}`: words by name; those of `english` are drawn when no font has the letters of `words`. `group` is a key of STATES or KINDS.
    """
    for limit, most in ((resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_CPU, int(SECONDS))):
        resource.setrlimit(limit, (most, most))
    sys.stdout.buffer.write(render(json.load(sys.stdin.buffer)))


def render(wanted: Mapping[str, Any]) -> bytes:
    """The picture as a PNG."""
    import matplotlib as mpl  # noqa: PLC0415 - only the process that draws needs it
    from matplotlib.figure import Figure  # noqa: PLC0415
    from matplotlib.font_manager import fontManager  # noqa: PLC0415

    warnings.simplefilter("ignore")  # a letter that no font has is drawn as a box
    installed = {font.name: font.fname for font in fontManager.ttflist}
    fonts = [name for name in FONTS if name in installed]
    words = wanted["words"] if _drawable(wanted["words"], installed, fonts) else wanted["english"]
    words = {name: word.encode("utf-8", "replace").decode() for name, word in words.items()}
    mpl.rcParams.update(
        {"text.parse_math": False, "text.usetex": False, "font.family": fonts, "timezone": "UTC"}
    )
    panels = wanted["panels"]
    height = HEAD + PANEL * len(panels) + FOOT
    figure = Figure(figsize=(WIDTH, height), dpi=DOTS, facecolor="white")
    _head(figure, words, height, fonts)
    axes = figure.subplots(len(panels), 1, squeeze=False)[:, 0]
    figure.subplots_adjust(
        left=0.065, right=0.98, top=1 - (HEAD + 0.6) / height, bottom=(FOOT + 0.3) / height, hspace=0.45
    )
    for axis, panel in zip(axes, panels, strict=True):
        _panel(axis, panel, wanted["threshold"], words)
    written = io.BytesIO()
    figure.savefig(written, format="png", metadata={"Title": words["title"], "Software": None})
    return written.getvalue()


def _drawable(words: Mapping[str, str], installed: Mapping[str, str], fonts: list[str]) -> bool:
    """Whether the fonts have all letters of our own words. An indicator may have any."""
    from matplotlib.ft2font import FT2Font  # noqa: PLC0415

    letters = {ord(letter) for name, word in words.items() if name != "subject" for letter in word}
    for name in fonts:
        if letters := letters - FT2Font(installed[name]).get_charmap().keys():
            continue
        return True
    return False


def _head(figure: Any, words: Mapping[str, str], height: float, fonts: list[str]) -> None:
    """The state's colour, verdict, indicator and what is drawn; at the foot, when it was drawn."""
    from matplotlib.patches import Rectangle  # noqa: PLC0415

    def write(text: str, inches: float, size: float, colour: str = INK, **style: Any) -> None:
        figure.text(0.02, 1 - inches / height, text, fontsize=size, color=colour, **style)

    colour, _ = STATES[words["state"]]
    bar = Rectangle((0, 1 - BAR / height), 1, BAR / height, transform=figure.transFigure, color=colour)
    figure.add_artist(bar)
    write(words["title"], 0.45, 17, fontweight="bold")
    write(words["subject"], 0.73, 12, family=["DejaVu Sans Mono", *fonts])
    write(words["summary"], 0.97, 9.5, FAINT)
    write(words["foot"], height - 0.12, 8, FAINT)


def _panel(axis: Any, panel: Mapping[str, Any], threshold: int, words: Mapping[str, str]) -> None:
    """Engines by date, a marker for each group, and the threshold as a line."""
    points = sorted(panel["points"])
    times = [datetime.fromtimestamp(at, UTC) for at, _, _ in points]
    is_record = panel["name"] == "record"
    axis.set_title(words[panel["name"]], loc="left", fontsize=11, fontweight="bold", color=INK, pad=24)
    counts = [count for _, count, _ in points]
    are_few = len(points) <= MANY
    if is_record:
        axis.step(times, counts, where="post", color=LINE, linewidth=1.2 if are_few else 0.5, zorder=2)
    style = {"s": 58 if are_few else 22, "edgecolors": "white", "linewidths": 0.6, "clip_on": False}
    for group, (colour, marker) in (STATES if is_record else KINDS).items():
        own = [(at, count) for at, (_, count, name) in zip(times, points, strict=True) if name == group]
        if own:
            label = f"{words[group]} ({len(own)})"
            axis.scatter(*zip(*own, strict=True), color=colour, marker=marker, label=label, zorder=3, **style)
    axis.axhline(
        threshold, color=INK, linestyle=(0, (5, 3)), linewidth=1.1, label=words["threshold"], zorder=1
    )
    if panel.get("since"):
        since = datetime.fromtimestamp(panel["since"], UTC)
        until = datetime.fromtimestamp(panel["until"], UTC)
        axis.axvspan(since, until, color=SHADE, label=words["counted"], zorder=0)
        times.append(until)
    axis.set_ylim(0, max([threshold, *counts]) * 1.12 + 0.5)
    _dates(axis, times)
    _frame(axis, words["engines"])


def _dates(axis: Any, times: list[datetime]) -> None:
    """The span of the dates, which are in order, written with numbers: they read the same in every language."""
    from matplotlib.dates import AutoDateLocator, DateFormatter  # noqa: PLC0415

    first, last = times[0], times[-1]
    span = max(last - first, timedelta(hours=2))
    room = span * EDGE + (span - (last - first)) / 2
    axis.set_xlim(first - room, last + room)
    if first == last:
        axis.set_xticks([first])
    else:
        axis.xaxis.set_major_locator(AutoDateLocator(tz=UTC, minticks=3, maxticks=6))
    shape = "%Y-%m-%d" if span > timedelta(days=4) else "%Y-%m-%d %H:%M"
    axis.xaxis.set_major_formatter(DateFormatter(shape, tz=UTC))


def _frame(axis: Any, engines: str) -> None:
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415

    axis.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    axis.set_ylabel(engines, fontsize=9, color=FAINT)
    axis.tick_params(labelsize=9, colors=FAINT, length=0)
    axis.grid(color=GRID, linewidth=0.8, zorder=0)
    axis.set_axisbelow(True)
    for side in axis.spines.values():
        side.set_visible(False)
    axis.spines["bottom"].set(visible=True, color=LINE)
    spacing = {"handletextpad": 0.4, "columnspacing": 1.4, "borderaxespad": 0.2}
    place = {"loc": "lower left", "bbox_to_anchor": (-0.008, 1.0), "ncols": 5}
    axis.legend(**place, **spacing, fontsize=8.5, frameon=False, labelcolor=INK)


if __name__ == "__main__":
    main()
