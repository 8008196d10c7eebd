"""The command line: vtbot run | ask | doctor | manifest | audit | forget | sandbox. Each imports only what it needs."""

import argparse
import asyncio
import difflib
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from handlers.text import terminal as terminal_text
from handlers.text.language import SPOKEN, Language, enumerated, language, line, spoken_in
from vt.actions import BY_KEY
from vt.verdict import State

if TYPE_CHECKING:
    from bot.settings import Settings

WRONG = 2
"""Exit status for wrong usage or settings."""
LAST_PORT = 65535
COMMANDS = tuple(terminal_text.COMMANDS)
FAIL_ON = {"risky": (State.RISKY,), "suspicious": (State.RISKY, State.SUSPICIOUS)}
"""The states with which `ask --fail-on` fails."""
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)

T = TypeVar("T")


def main(argv: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ) -> int:
    """Run one command.

    The exit status is 0, 1 for "not done", 2 for wrong usage or settings, 3 for what `ask --fail-on` names, or 4 when
    `ask` would have to wait long for the quota.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    spoken = _terminal_language(words, environ)
    with language(spoken):
        commands = parser()
        if words and not words[0].startswith("-") and words[0] not in COMMANDS:
            commands.error(_unknown_command(words[0]))
        arguments = commands.parse_args(_unquoted(words), argparse.Namespace(spoken=spoken))
        from bot.environment import OperatorError
        from bot.observability import log_to_stderr

        log_to_stderr(colours=_has_colours(environ))
        try:
            return int(arguments.act(arguments, environ))
        except OperatorError as error:
            sys.stderr.write(f"vtbot: {error}\n")
            return WRONG
        except KeyboardInterrupt:
            return 130


_ASK_OPTION = re.compile(r"--json|--wait|-h|--help|--(fail-on|language)(=.*)?")
"""The options of `ask` itself; others belong to the command that follows it."""


def _unquoted(arguments: list[str]) -> list[str]:
    """What follows `ask` is what one would type after /vt, the options of commands included, quoted or not."""
    if arguments[:1] != ["ask"]:
        return arguments
    own: list[str] = []
    others: list[str] = []
    words = iter(arguments[1:])
    for word in words:
        if not _ASK_OPTION.fullmatch(word):
            others.append(word)
            continue
        own.append(word)
        if word in ("--fail-on", "--language"):
            own.extend([value for value in [next(words, None)] if value is not None])
    return ["ask", *own, "--", *others]


class _Help(argparse.HelpFormatter):
    """Help in the language of the terminal."""

    def add_usage(self, usage: Any, actions: Any, groups: Any, prefix: str | None = None) -> None:
        """The line with all arguments."""
        super().add_usage(usage, actions, groups, str(terminal_text.USAGE) if prefix is None else prefix)


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong, without the usage above it."""

    def __init__(self, **options: Any) -> None:
        """Its description is what the command does."""
        # A beginning of an option is a misspelt one: nobody meant --kind with --k in a script of last year.
        super().__init__(**options, add_help=False, allow_abbrev=False, formatter_class=_Help)
        self._positionals.title = str(terminal_text.TITLES["values"])
        self._optionals.title = str(terminal_text.TITLES["options"])
        self.add_argument("-h", "--help", action="help", help=str(terminal_text.OPTIONS["--help"]))

    def error(self, message: str) -> NoReturn:
        """Exit with status 2."""
        problem = terminal_text.explained(message)
        self.exit(WRONG, f"{line(terminal_text.WRONG_USAGE, program=self.prog, problem=problem)}\n")

    def option(self, name: str, **how: Any) -> None:
        """Add an argument, with its help from the catalogues."""
        command = self.prog.partition(" ")[2]
        does = terminal_text.OPTIONS.get(f"{command} {name}") or terminal_text.OPTIONS[name]
        self.add_argument(name, **how, help=str(does))


def _terminal_language(words: Sequence[str], environ: Mapping[str, str]) -> Language:
    """--language, else the locale of the terminal, as POSIX reads it."""
    given = re.search(r"(?<!\S)--language[ =](\S+)", " ".join(words))
    named = (environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    locale = next(filter(None, named), "")
    chosen = spoken_in(given[1].lower()) if given else None
    return chosen or spoken_in(locale) or Language.ENGLISH


Act = Callable[[argparse.Namespace, Mapping[str, str]], int]
"""What a command does with its arguments and the environment. Returns the exit status."""


def _unknown_command(word: str) -> str:
    """What to type instead."""
    if word in BY_KEY:
        return line(terminal_text.FOLLOWS_ASK, word=word, example=BY_KEY[word].example)
    [nearest] = difflib.get_close_matches(word, COMMANDS, n=1) or [""]
    return terminal_text.unknown_command(word, nearest, COMMANDS)


def parser() -> _Parser:
    """Every command and its arguments."""
    whole = _Parser(prog="vtbot", description=str(terminal_text.WHAT_IT_IS))
    whole.option("--version", action="version", version=f"vtbot {version('vtbot')}")
    whole.set_defaults(act=_run, i_know=False, workspaces=False)
    subparsers = whole.add_subparsers(title=str(terminal_text.TITLES["commands"]), metavar="")
    acts: tuple[Act, ...] = (_run, _ask, _doctor, _manifest, _audit, _forget, _sandbox)
    commands = []
    for act, (name, does) in zip(acts, terminal_text.COMMANDS.items(), strict=True):
        commands.append(subparsers.add_parser(name, help=str(does), description=str(does)))
        commands[-1].set_defaults(act=act)
    run, ask, doctor, manifest, audit, forget, sandbox = commands
    run.option("--i-know", action="store_true")
    run.option("--workspaces", action="store_true")
    ask.option("text", nargs="*")
    ask.option("--json", action="store_true")
    fail_on = _argument(
        lambda value: FAIL_ON[value.lower()], terminal_text.NOT_ONE_OF, choices=enumerated(FAIL_ON)
    )
    ask.option("--fail-on", type=fail_on, metavar="|".join(FAIL_ON), default=())
    ask.option("--wait", action="store_true")
    manifest.option("--url", type=_argument(_public_url, terminal_text.NOT_PUBLIC))
    manifest.option("--oauth", action="store_true")
    manifest.option("--org", action="store_true")
    audit.option("--since", type=_argument(_moment, terminal_text.NOT_A_DATE), default=BEGINNING)
    audit.option("--id", metavar="ID")
    audit.option("--json", action="store_true")
    forget.option("team", type=_argument(str, terminal_text.NOT_A_TEAM, "[TE][A-Z0-9]{2,20}"))
    known = enumerated(SPOKEN)
    spoken = _argument(lambda value: Language(value.lower()), terminal_text.NOT_ONE_OF, choices=known)
    for printing in (ask, doctor, manifest, audit, forget):
        printing.option("--language", type=spoken, metavar="|".join(SPOKEN))
    port = _argument(_port, terminal_text.NOT_A_PORT, last=str(LAST_PORT))
    sandbox.option("--port", type=port, default=0)
    sandbox.option("--replay", type=_argument(_folder, terminal_text.NOT_A_FOLDER))
    sandbox.option("--kind", choices=("public", "private"), default="public")
    calls = r"[0-9]{1,9}(,[0-9]{1,9}){2}"
    quota = _argument(lambda value: tuple(map(int, value.split(","))), terminal_text.NOT_A_QUOTA, calls)
    sandbox.option("--quota", type=quota, default=(0, 0, 0))
    sandbox.option("--latency", type=float, default=0.0)
    sandbox.option("--queue-seconds", type=float, default=20.0)
    return whole


def _argument(
    read: Callable[[str], T], wrong: str, pattern: str = r"(?s:.*)", **values: str
) -> Callable[[str], T]:
    """A type for argparse. `wrong` is the sentence for a value that has another form, or for which `read` raises."""

    def converted(value: str) -> T:
        with suppress(ValueError, KeyError):
            if re.fullmatch(pattern, value):
                return read(value)
        raise argparse.ArgumentTypeError(line(wrong, value=value or terminal_text.NOTHING, **values))

    return converted


def _public_url(value: str) -> str:
    from bot.manifest import public_url

    return public_url(value)


def _moment(value: str) -> datetime:
    """A date or a time in ISO 8601; in UTC, if it does not say. Raises ValueError."""
    read = datetime.fromisoformat(value)
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def _port(value: str) -> int:
    if not value.isdecimal() or int(value) > LAST_PORT:
        raise ValueError
    return int(value)


def _folder(value: str) -> Path:
    if not Path(value).is_dir():
        raise ValueError
    return Path(value)


# What the commands do ----------------------------------------------------------------------------------


def _settings(environ: Mapping[str, str]) -> "Settings":
    """The settings, with warnings in the log about what is probably a typing error. Raises SettingsError."""
    from bot import instances, settings
    from bot.observability import log_to_stderr

    settings.warn_about_unknown(environ)
    found = settings.load(environ)
    log_to_stderr(colours=_has_colours(environ), secrets=(*found.secrets, *instances.secrets(found)))
    settings.warn_about_key(found.vt_api_key)
    return found


def _has_colours(environ: Mapping[str, str]) -> bool:
    return not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


def _run(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from bot.manifest import Mode

    settings = _settings(environ)
    if settings.mode is Mode.NONE:
        from playground import trial  # a bot that has tokens never loads the stand-ins

        trying = trial.run_workspaces if arguments.workspaces else trial.run
        run = trying(settings, arguments.spoken, anywhere=arguments.i_know)
    else:
        from bot import app

        run = app.serve(settings, environ)
    # The terminal's language is not that of the bot, which chooses one for whoever reads.
    with language(Language.ENGLISH):
        asyncio.run(run)
    return 0


def _ask(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from bot import ask

    question = ask.Question(" ".join(arguments.text), arguments.json, arguments.fail_on, arguments.wait)
    return asyncio.run(ask.run(_settings(environ), question))


def _doctor(_: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from bot import terminal

    return asyncio.run(terminal.doctor(_settings(environ)))


def _manifest(arguments: argparse.Namespace, _: Mapping[str, str]) -> int:
    from bot.manifest import as_yaml

    is_oauth = arguments.oauth or arguments.org
    with language(arguments.language or Language.ENGLISH):
        sys.stdout.write(as_yaml(arguments.url or "", oauth=is_oauth, org=arguments.org))
    return 0


def _audit(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from bot import terminal

    options = {"as_json": arguments.json, "request_id": arguments.id}
    return asyncio.run(terminal.audit(_settings(environ), arguments.since, **options))


def _forget(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from bot import terminal

    return asyncio.run(terminal.forget(_settings(environ), arguments.team))


def _sandbox(arguments: argparse.Namespace, _: Mapping[str, str]) -> int:
    from playground import trial

    return asyncio.run(trial.sandbox(arguments))


if __name__ == "__main__":
    sys.exit(main())
