"""The command line: vtbot run | ask | doctor | manifest | audit | sandbox."""

import argparse
import asyncio
import difflib
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import NoReturn

from bot import app, ask, terminal
from bot.app import NotRunning
from bot.ask import FailOn, Question
from bot.environment import SettingsError
from bot.manifest import as_yaml, public_url
from bot.observability import log_to_stderr
from bot.settings import Mode, Settings, load, warn_about_key, warn_about_unknown
from bot.startup import Unusable
from handlers.text.language import SPOKEN, Language, language, spoken_in
from vt.actions import BY_KEY

WRONG = 2
"""Exit status for wrong usage or settings."""
LAST_PORT = 65535
COMMANDS = ("run", "ask", "doctor", "manifest", "audit", "sandbox")


def main(argv: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ) -> int:
    """Run one command.

    The exit status is 0, 1 for "not done", 2 for wrong usage or settings, 3 for what `ask --fail-on` names, or 4 when
    `ask` would have to wait long for the quota.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    commands = parser()
    if words and not words[0].startswith("-") and words[0] not in COMMANDS:
        commands.error(_unknown_command(words[0]))
    arguments = commands.parse_args(_unquoted(words))
    log_to_stderr(colours=_has_colours(environ))
    try:
        return int(arguments.act(arguments, environ))
    except (SettingsError, Unusable, NotRunning) as error:
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


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong, without the usage above it."""

    def error(self, message: str) -> NoReturn:
        """Exit with status 2."""
        self.exit(WRONG, f"{self.prog}: {message}. See {self.prog} --help.\n")


def _unknown_command(word: str) -> str:
    """What to type instead."""
    if word in BY_KEY:
        return f"{word} follows ask: type vtbot ask {word} {BY_KEY[word].example}"
    nearest = difflib.get_close_matches(word, COMMANDS, n=1)
    hint = f" Did you mean {nearest[0]}?" if nearest else ""
    return f"there is no command {word}.{hint} The commands are {', '.join(COMMANDS)}"


def parser() -> argparse.ArgumentParser:
    """Every command and its arguments."""
    whole = _Parser(prog="vtbot", description=__doc__)
    whole.add_argument("--version", action="version", version=f"vtbot {version('vtbot')}")
    whole.set_defaults(act=_run, i_know=False)
    commands = whole.add_subparsers(title="commands", metavar="")
    run = _command(commands, "run", "start the bot (without Slack tokens: a local trial workspace)", _run)
    run.add_argument(
        "--i-know",
        action="store_true",
        help="allow a HOST other than 127.0.0.1 for the trial page; anyone who can reach it can act as any user",
    )
    ask = _command(commands, "ask", "look something up in the terminal, without Slack", _ask)
    ask.add_argument(
        "text",
        nargs="*",
        help="what you would type after /vt, such as scan-ip 192.0.2.1 --threshold 3; "
        "without it, or with -, standard input is read; scan-file - reads a file from a pipe",
    )
    ask.add_argument("--json", action="store_true", help="print the documented JSON result")
    ask.add_argument(
        "--fail-on",
        type=_fail_on,
        metavar="|".join(FailOn),
        help="exit with status 3 when something is risky; with suspicious, also when something is suspicious",
    )
    ask.add_argument(
        "--wait",
        action="store_true",
        help="wait for the quota however long that takes, instead of ending with status 4",
    )
    _add_language_option(ask)
    doctor = _command(commands, "doctor", "check the settings, the database, the API key and Slack", _doctor)
    _add_language_option(doctor)
    manifest = _command(commands, "manifest", "print the Slack app's manifest", _manifest)
    _add_language_option(manifest)
    manifest.add_argument("--url", type=_url, help="the bot's public https:// address, for HTTP mode")
    audit = _command(commands, "audit", "print who asked for what, when, and the outcome", _audit)
    audit.add_argument("--since", type=_moment, default=terminal.BEGINNING, help="a date such as 2026-11-01")
    audit.add_argument("--id", metavar="ID", help="one request, by the ID in a message about a fault")
    audit.add_argument("--json", action="store_true", help="one JSON object a line")
    _add_language_option(audit)
    sandbox = _command(commands, "sandbox", "run only the fake VirusTotal server", _sandbox)
    sandbox.add_argument("--port", type=_port, default=0, help="the port to listen on; 0 picks a free one")
    sandbox.add_argument("--replay", type=_folder, help="a folder of recorded replies to serve")
    sandbox.add_argument(
        "--kind", choices=("public", "private"), default="public", help="the kind of API key to imitate"
    )
    sandbox.add_argument(
        "--quota", type=_quota, default=(0, 0, 0), help="calls a minute,day,month; 0 is no limit"
    )
    sandbox.add_argument("--latency", type=float, default=0.0, help="seconds before each reply")
    sandbox.add_argument(
        "--queue-seconds", type=float, default=20.0, help="how many seconds an analysis takes"
    )
    return whole


def _add_language_option(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--language",
        type=_language,
        metavar="|".join(SPOKEN),
        help="the language of what is printed; else LANG",
    )


def _language(value: str) -> Language:
    try:
        return Language(value.lower())
    except ValueError:
        raise argparse.ArgumentTypeError(f"{value} is not one of {', '.join(SPOKEN)}") from None


def _terminal_language(arguments: argparse.Namespace, environ: Mapping[str, str]) -> Language:
    """--language, else the locale of the terminal, as POSIX reads it."""
    named = (environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    locale = next(filter(None, named), "")
    chosen: Language | None = getattr(arguments, "language", None)
    return chosen or spoken_in(locale) or Language.ENGLISH


Act = Callable[[argparse.Namespace, Mapping[str, str]], int]


def _command(
    commands: "argparse._SubParsersAction[_Parser]", name: str, does: str, act: Act
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=does, description=does)
    parser.set_defaults(act=act)
    return parser


def _moment(value: str) -> datetime:
    try:
        return terminal.moment(value)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{value} is not a date such as 2026-11-01") from None


def _url(value: str) -> str:
    try:
        return public_url(value)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{value or 'nothing'} is not a public address such as https://bot.example.com"
        ) from None


def _fail_on(value: str) -> FailOn:
    try:
        return FailOn(value.lower())
    except ValueError:
        raise argparse.ArgumentTypeError(f"{value} is not one of {', '.join(FailOn)}") from None


def _folder(value: str) -> Path:
    if not Path(value).is_dir():
        raise argparse.ArgumentTypeError(f"{value} is not a folder")
    return Path(value)


def _quota(value: str) -> tuple[int, int, int]:
    if not re.fullmatch(r"[0-9]{1,9}(,[0-9]{1,9}){2}", value):
        raise argparse.ArgumentTypeError(f"{value} is not like 4,500,15500")
    minute, day, month = map(int, value.split(","))
    return minute, day, month


def _port(value: str) -> int:
    if not value.isdecimal() or int(value) > LAST_PORT:
        raise argparse.ArgumentTypeError(f"{value} is not a number from 0 to {LAST_PORT}")
    return int(value)


def _settings(environ: Mapping[str, str]) -> Settings:
    """The settings, with warnings in the log about what is probably a typing error. Raises SettingsError."""
    warn_about_unknown(environ)
    settings = load(environ)
    log_to_stderr(colours=_has_colours(environ), secrets=settings.secrets)
    warn_about_key(settings.vt_api_key)
    return settings


def _has_colours(environ: Mapping[str, str]) -> bool:
    return not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


def _run(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    settings = _settings(environ)
    if settings.mode is Mode.NONE:
        from bot import trial  # noqa: PLC0415 - a bot that has tokens never loads the stand-ins

        spoken = _terminal_language(arguments, environ)
        asyncio.run(trial.run(settings, spoken, anywhere=arguments.i_know))
    else:
        asyncio.run(app.serve(settings))
    return 0


def _ask(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    question = Question(
        " ".join(arguments.text), as_json=arguments.json, fail_on=arguments.fail_on, wait=arguments.wait
    )
    with language(_terminal_language(arguments, environ)):
        return asyncio.run(ask.run(_settings(environ), question))


def _doctor(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    with language(_terminal_language(arguments, environ)):
        return asyncio.run(terminal.doctor(_settings(environ)))


def _manifest(arguments: argparse.Namespace, _: Mapping[str, str]) -> int:
    with language(arguments.language or Language.ENGLISH):
        sys.stdout.write(as_yaml(arguments.url or ""))
    return 0


def _audit(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    settings = _settings(environ)
    with language(_terminal_language(arguments, environ)):
        return asyncio.run(
            terminal.audit(settings, arguments.since, as_json=arguments.json, request_id=arguments.id)
        )


def _sandbox(arguments: argparse.Namespace, _: Mapping[str, str]) -> int:
    from bot import trial  # noqa: PLC0415 - the same

    return asyncio.run(trial.sandbox(arguments))


if __name__ == "__main__":
    sys.exit(main())
