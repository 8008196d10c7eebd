"""The command line: vtbot run | ask | doctor | manifest | audit | forget | sandbox."""

import argparse
import asyncio
import difflib
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from bot import app, ask, instances, terminal
from bot.ask import FailOn, Question
from bot.environment import OperatorError
from bot.manifest import Mode, as_yaml, public_url
from bot.observability import log_to_stderr
from bot.settings import Settings, load, warn_about_key, warn_about_unknown
from handlers.text import terminal as terminal_text
from handlers.text.language import SPOKEN, Language, enumerated, language, line, spoken_in
from vt.actions import BY_KEY

WRONG = 2
"""Exit status for wrong usage or settings."""
LAST_PORT = 65535
COMMANDS = tuple(terminal_text.COMMANDS)

T = TypeVar("T")


def main(argv: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ) -> int:
    """Run one command.

    The exit status is 0, 1 for "not done", 2 for wrong usage or settings, 3 for what `ask --fail-on` names, or 4 when
    `ask` would have to wait long for the quota.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    spoken = _terminal_language(words, environ)
    with language(spoken):
        return _run_command(words, environ, spoken)


def _run_command(words: list[str], environ: Mapping[str, str], spoken: Language) -> int:
    commands = parser()
    if words and not words[0].startswith("-") and words[0] not in COMMANDS:
        commands.error(_unknown_command(words[0]))
    arguments = commands.parse_args(_unquoted(words), argparse.Namespace(spoken=spoken))
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
        """Add an argument with its help."""
        command = self.prog.partition(" ")[2]
        does = terminal_text.OPTIONS.get(f"{command} {name}") or terminal_text.OPTIONS[name]
        self.add_argument(name, **how, help=str(does))


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
    commands = whole.add_subparsers(title=str(terminal_text.TITLES["commands"]), metavar="")
    run = _command(commands, "run", _run)
    run.option("--i-know", action="store_true")
    run.option("--workspaces", action="store_true")
    ask = _command(commands, "ask", _ask)
    ask.option("text", nargs="*")
    ask.option("--json", action="store_true")
    ask.option(
        "--fail-on",
        type=_argument(
            lambda value: FailOn(value.lower()), terminal_text.NOT_ONE_OF, choices=enumerated(FailOn)
        ),
        metavar="|".join(FailOn),
    )
    ask.option("--wait", action="store_true")
    doctor = _command(commands, "doctor", _doctor)
    manifest = _command(commands, "manifest", _manifest)
    manifest.option("--url", type=_argument(public_url, terminal_text.NOT_PUBLIC))
    manifest.option("--oauth", action="store_true")
    manifest.option("--org", action="store_true")
    audit = _command(commands, "audit", _audit)
    audit.option(
        "--since", type=_argument(terminal.moment, terminal_text.NOT_A_DATE), default=terminal.BEGINNING
    )
    audit.option("--id", metavar="ID")
    audit.option("--json", action="store_true")
    forget = _command(commands, "forget", _forget)
    forget.option("team", type=_team)
    spoken = _argument(
        lambda value: Language(value.lower()), terminal_text.NOT_ONE_OF, choices=enumerated(SPOKEN)
    )
    for printing in (ask, doctor, manifest, audit, forget):
        printing.option("--language", type=spoken, metavar="|".join(SPOKEN))
    sandbox = _command(commands, "sandbox", _sandbox)
    sandbox.option("--port", type=_port, default=0)
    sandbox.option("--replay", type=_folder)
    sandbox.option("--kind", choices=("public", "private"), default="public")
    sandbox.option("--quota", type=_quota, default=(0, 0, 0))
    sandbox.option("--latency", type=float, default=0.0)
    sandbox.option("--queue-seconds", type=float, default=20.0)
    return whole


def _argument(read: Callable[[str], T], wrong: str, **values: str) -> Callable[[str], T]:
    """A type for argparse. `read` raises ValueError for a value that is wrong; `wrong` is the sentence that says so."""

    def converted(value: str) -> T:
        try:
            return read(value)
        except ValueError:
            raise _wrong(wrong, value=value or terminal_text.NOTHING, **values) from None

    return converted


def _wrong(template: str, **values: str) -> argparse.ArgumentTypeError:
    return argparse.ArgumentTypeError(line(template, **values))


def _team(value: str) -> str:
    if not re.fullmatch("[TE][A-Z0-9]{2,20}", value):
        raise _wrong(terminal_text.NOT_A_TEAM, value=value)
    return value


def _folder(value: str) -> Path:
    if not Path(value).is_dir():
        raise _wrong(terminal_text.NOT_A_FOLDER, value=value)
    return Path(value)


def _quota(value: str) -> tuple[int, int, int]:
    if not re.fullmatch(r"[0-9]{1,9}(,[0-9]{1,9}){2}", value):
        raise _wrong(terminal_text.NOT_A_QUOTA, value=value)
    minute, day, month = map(int, value.split(","))
    return minute, day, month


def _port(value: str) -> int:
    if not value.isdecimal() or int(value) > LAST_PORT:
        raise _wrong(terminal_text.NOT_A_PORT, value=value, last=str(LAST_PORT))
    return int(value)


def _terminal_language(words: Sequence[str], environ: Mapping[str, str]) -> Language:
    """--language, else the locale of the terminal, as POSIX reads it."""
    given = re.search(r"(?<!\S)--language[ =](\S+)", " ".join(words))
    named = (environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    locale = next(filter(None, named), "")
    chosen = spoken_in(given[1].lower()) if given else None
    return chosen or spoken_in(locale) or Language.ENGLISH


Act = Callable[[argparse.Namespace, Mapping[str, str]], int]


def _command(commands: "argparse._SubParsersAction[_Parser]", name: str, act: Act) -> _Parser:
    does = str(terminal_text.COMMANDS[name])
    parser = commands.add_parser(name, help=does, description=does)
    parser.set_defaults(act=act)
    return parser


def _settings(environ: Mapping[str, str]) -> Settings:
    """The settings, with warnings in the log about what is probably a typing error. Raises SettingsError."""
    warn_about_unknown(environ)
    settings = load(environ)
    log_to_stderr(colours=_has_colours(environ), secrets=(*settings.secrets, *instances.secrets(settings)))
    warn_about_key(settings.vt_api_key)
    return settings


def _has_colours(environ: Mapping[str, str]) -> bool:
    return not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


def _run(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    settings = _settings(environ)
    if settings.mode is Mode.NONE:
        from playground import trial  # noqa: PLC0415 - a bot that has tokens never loads the stand-ins

        trying = trial.run_workspaces if arguments.workspaces else trial.run
        run = trying(settings, arguments.spoken, anywhere=arguments.i_know)
    else:
        run = app.serve(settings, environ)
    # The terminal's language is not that of the bot, which chooses one for whoever reads.
    with language(Language.ENGLISH):
        asyncio.run(run)
    return 0


def _ask(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    question = Question(
        " ".join(arguments.text), as_json=arguments.json, fail_on=arguments.fail_on, wait=arguments.wait
    )
    return asyncio.run(ask.run(_settings(environ), question))


def _doctor(_: argparse.Namespace, environ: Mapping[str, str]) -> int:
    return asyncio.run(terminal.doctor(_settings(environ)))


def _manifest(arguments: argparse.Namespace, _: Mapping[str, str]) -> int:
    with language(arguments.language or Language.ENGLISH):
        sys.stdout.write(
            as_yaml(arguments.url or "", oauth=arguments.oauth or arguments.org, org=arguments.org)
        )
    return 0


def _audit(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    settings = _settings(environ)
    return asyncio.run(
        terminal.audit(settings, arguments.since, as_json=arguments.json, request_id=arguments.id)
    )


def _forget(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    return asyncio.run(terminal.forget(_settings(environ), arguments.team))


def _sandbox(arguments: argparse.Namespace, _: Mapping[str, str]) -> int:
    from playground import trial  # noqa: PLC0415 - the same

    return asyncio.run(trial.sandbox(arguments))


if __name__ == "__main__":
    sys.exit(main())
