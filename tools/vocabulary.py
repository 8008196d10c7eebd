"""`make lint`: names that this project gave up must not come back. Each has a better one beside it.

Checked are the names of modules and every identifier in the Python code: functions, classes, arguments, attributes, imports.

"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]

PRODUCT = ("vt", "handlers", "bot")
ROWS_OF_AN_OLDER_VERSION = "tests/data/"
"""Programs that ran with an older version, and speak its language."""
GIVEN_UP = {
    "errand": "endpoint",
    "errands": "endpoints",
    "looks": "polling",
    "setbacks": "polling.after_error",
    "patience": "backoff",
    "forgetful": "cache",
    "ours": "allowlist",
    "nobodys": "is_internal",
    "wire": "codec",
    "carrier": "transfer",
    "sending": "uploads",
    "unheard": "noop",
    "fangs": "defang",
    "doubts": "false_positives",
    "wrappers": "unwrap",
    "beneath": "below",
    "pinned": "VerifiedSource",
    "unfit": "HostsFileError",
    "garbled": "ProtocolError",
    "but": "evolve",
    "asked": "input, or the verb that is meant",
    "anew": "reanalyse_after",
    "begun": "upload_started",
    "agreed": "consented_sha256",
    "unasked": "auto_consented",
    "hurried": "prioritised",
    "neighbourhood": "host_reports",
    "dice": "seeded_random",
    "around": "answer_layout",
    "answered": "answers",
    "pressed": "buttons",
    "visits": "home",
    "intake": "admission",
    "ways": "channel_settings, entry_points",
    "misuse": "usage_error",
    "misuses": "usage errors",
    "troubles": "errors",
    "itself": "about",
    "way_words": "access",
    "file_words": "files",
    "asides": "watch",
    "leaf": "layout",
    "leafed": "details",
    "leaves": "details",
    "rounds": "batch",
    "manners": "commands",
    "hearing": "event_parser",
    "overheard": "listeners",
    "wishing": "card_actions",
    "ears": "BotFilter",
    "heard": "MessageEvent, or the verb that is meant",
    "wishes": "CardOverrides",
    "welcome": "has_capacity",
    "barred": "CannotPost",
    "unshowable": "InvalidBlocks",
    "whisper": "post_ephemeral",
    "aside": "reply_privately",
    "take_back": "delete",
    "hand_over": "send_file",
    "precedence": "ack_priority",
    "ledger": "quota_store",
    "rescue": "StalledJobs",
    "keeper": "supervisor",
    "drawn": "terminal_view",
    "trail": "audit",
    "escaped": "on_error",
    "bell": "StickyEvent",
    "knocking": "raw_http",
    "liar": "lying_sftp",
    "office": "app_fixture",
    "desk": "minimal_slack",
}
"""In lower case: what may not be the name of a module, class, function, argument, attribute or variable."""
PLAIN_ENGLISH = frozenset(
    (
        "asked",
        "answered",
        "around",
        "heard",
        "drawn",
        "pressed",
        "ours",
        "leaves",
        "looks",
        "escaped",
        "agreed",
        "begun",
        "but",
    )
)
"""Of those, what tests may use for a local variable: there the word means just what it says."""
MODULES_GIVEN_UP = (
    "memory", "formats", "scans", "forms", "reading", "ends", "names", "again", "gate", "windows", "world", "words", "units", "price",
    "setting", "asker", "attached", "contents", "watching", "rooms", "marks", "claim", "publish", "alive", "repeats", "ops", "box",
    "utils", "helpers", "common", "manager", "constants", "base", "interfaces",
)  # fmt: skip
"""What may not be the name of a module, but means something plain as another name."""


def identifiers(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every name in a module, with its line."""
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
                yield line, name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield line, name
            case ast.keyword(arg=str(name)):
                yield line, name
            case ast.alias(name=name, asname=other):
                yield from ((line, part) for part in (*name.split("."), other) if part)


def findings(path: Path) -> Iterator[str]:
    """One line for each name in a file that was given up."""
    where = path.relative_to(ROOT)
    allowed = PLAIN_ENGLISH if where.parts[0] == "tests" else frozenset()
    given_up = (*MODULES_GIVEN_UP, *GIVEN_UP) if where.parts[0] in PRODUCT else GIVEN_UP
    if path.stem.removeprefix("test_") in given_up:
        yield f"{where}: the module's name was given up"
    for line, name in identifiers(ast.parse(path.read_text(encoding="utf-8"))):
        plain = name.lower().strip("_")
        if plain in GIVEN_UP and plain not in allowed:
            yield f"{where}:{line}: {name} was given up for {GIVEN_UP[plain]}"


def main() -> int:
    """Print what is found; exit status 1 if anything is."""
    listed = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, check=True, capture_output=True, text=True)  # noqa: S607 - whichever git
    found = [
        line
        for name in listed.stdout.split()
        if not name.startswith(ROWS_OF_AN_OLDER_VERSION)
        for line in findings(ROOT / name)
    ]
    print("\n".join(found) or "No name that was given up.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
