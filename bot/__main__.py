"""The command line: vtbot run | ask | doctor | manifest | audit | sandbox."""

import argparse
import asyncio
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from bot import app, audit_cli, terminal
from bot.app import NotRunning
from bot.manifest import as_yaml
from bot.observability import log_to_stderr
from bot.settings import Mode, Settings, SettingsError, load
from bot.startup import Unusable

WRONG = 2
"""Exit status for wrong usage or settings."""
LAST_PORT = 65535


def main(argv: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ) -> int:
    """Run one command; the exit status is 0, 1 for "not done", or 2 for wrong usage or settings."""
    arguments = parser().parse_args(_unquoted(list(sys.argv[1:] if argv is None else argv)))
    log_to_stderr()
    try:
        return int(arguments.act(arguments, environ))
    except (SettingsError, Unusable, NotRunning) as error:
        sys.stderr.write(f"vtbot: {error}\n")
        return WRONG
    except KeyboardInterrupt:
        return 130


def _unquoted(arguments: list[str]) -> list[str]:
    """What follows `ask` is what one would type after /vt, the options of commands included, quoted or not."""
    if arguments[:1] != ["ask"]:
        return arguments
    options = [word for word in arguments[1:] if word in ("--json", "-h", "--help")]
    return ["ask", *options, "--", *(word for word in arguments[1:] if word not in options)]


def parser() -> argparse.ArgumentParser:
    """Every command and its arguments."""
    whole = argparse.ArgumentParser(prog="vtbot", description=__doc__)
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
        nargs="+",
        help="what you would type after /vt, such as scan-ip 192.0.2.1 --threshold 3; scan-file - reads a file from a pipe",
    )
    ask.add_argument("--json", action="store_true", help="print the documented JSON result")
    _command(commands, "doctor", "check the settings, the database, the API key and Slack", _doctor)
    manifest = _command(commands, "manifest", "print the Slack app's manifest", _manifest)
    manifest.add_argument("--url", default="", help="the bot's public address, for HTTP mode")
    audit = _command(commands, "audit", "print who arguments for what, when, and the outcome", _audit)
    audit.add_argument("--since", type=_moment, default=audit_cli.BEGINNING, help="a date such as 2026-11-01")
    audit.add_argument("--id", metavar="ID", help="one request, by the ID in a message about a fault")
    audit.add_argument("--json", action="store_true", help="one JSON object a line")
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


Act = Callable[[argparse.Namespace, Mapping[str, str]], int]


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, does: str, act: Act
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=does, description=does)
    parser.set_defaults(act=act)
    return parser


def _moment(value: str) -> datetime:
    try:
        return audit_cli.moment(value)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{value} is not a date such as 2026-11-01") from None


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
    return load(environ)


def _run(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    settings = load(environ)
    if settings.mode is Mode.NONE:
        from bot import trial  # noqa: PLC0415 - a bot that has tokens never loads the stand-ins

        asyncio.run(trial.run(settings, anywhere=arguments.i_know))
    else:
        asyncio.run(app.serve(settings))
    return 0


def _ask(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    return asyncio.run(terminal.ask(_settings(environ), " ".join(arguments.text), as_json=arguments.json))


def _doctor(_: argparse.Namespace, environ: Mapping[str, str]) -> int:
    return asyncio.run(terminal.doctor(_settings(environ)))


def _manifest(arguments: argparse.Namespace, _: Mapping[str, str]) -> int:
    sys.stdout.write(as_yaml(arguments.url))
    return 0


def _audit(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    settings = _settings(environ)
    return asyncio.run(
        audit_cli.audit(settings, arguments.since, as_json=arguments.json, request_id=arguments.id)
    )


def _sandbox(arguments: argparse.Namespace, _: Mapping[str, str]) -> int:
    from bot import sandbox  # noqa: PLC0415 - the same

    return asyncio.run(sandbox.command(arguments))


if __name__ == "__main__":
    sys.exit(main())
