"""Sentences of the terminal: what commands and options do, what is wrong with them, and what is said there only. They are plain text."""

import re
from collections.abc import Iterable, Mapping

from handlers.text.about import INVENTED
from handlers.text.format import beside
from handlers.text.language import enumerated, join, line, ngettext
from handlers.text.language import lazy_gettext as _
from vt.files.hosts import Problem

# Commands and options ------------------------------------------------------------------------------------

WHAT_IT_IS = _("A Slack bot that looks things up in VirusTotal, and its commands for the terminal.")
USAGE = _("usage: ")
TITLES = {"commands": _("commands"), "values": _("values"), "options": _("options")}
COMMANDS: Mapping[str, str] = {
    "run": _("start the bot (without Slack tokens: a local trial workspace)"),
    "ask": _("look something up in the terminal, without Slack"),
    "doctor": _("check the settings, the database, the API key and Slack"),
    "manifest": _("print the Slack app's manifest"),
    "audit": _("print who asked for what, when, and the outcome"),
    "forget": _("delete everything that is kept for a workspace or an organization"),
    "sandbox": _("run only the fake VirusTotal server"),
}
OPTIONS: Mapping[str, str] = {
    "--help": _("show this help and exit"),
    "--version": _("show the version and exit"),
    "run --i-know": _(
        "allow a HOST other than 127.0.0.1 for the trial page; anyone who can reach it can act as any user"
    ),
    "run --workspaces": _("without Slack tokens: install the bot by OAuth in trial workspaces"),
    "ask text": _(
        "what you would type after /vt, such as scan-ip 192.0.2.1 --threshold 3; without it, or with -, standard "
        "input is read; scan-file - reads a file from a pipe"
    ),
    "ask --json": _("print the documented JSON result"),
    "ask --fail-on": _(
        "exit with status 3 when something is risky; with suspicious, also when something is suspicious"
    ),
    "ask --wait": _("wait for the quota however long that takes, instead of ending with status 4"),
    "--language": _("the language of what is printed; else LANG"),
    "manifest --url": _("the bot's public https:// address, for HTTP mode"),
    "manifest --oauth": _("to be installed in several workspaces by OAuth"),
    "manifest --org": _("with --oauth: also in whole organizations"),
    "forget team": _("the ID of a workspace or an organization, such as T012AB3CD"),
    "audit --since": _("a date such as 2026-11-01"),
    "audit --id": _("one request, by the ID in a message about a fault"),
    "audit --json": _("one JSON object a line"),
    "sandbox --port": _("the port to listen on; 0 picks a free one"),
    "sandbox --replay": _("a folder of recorded replies to serve"),
    "sandbox --kind": _("the kind of API key to imitate"),
    "sandbox --quota": _("calls a minute,day,month; 0 is no limit"),
    "sandbox --latency": _("seconds before each reply"),
    "sandbox --queue-seconds": _("how many seconds an analysis takes"),
}
"""What each option does; those of one command after its name."""
HOSTS_FILE: Mapping[Problem, str] = {
    Problem.UNREADABLE: _("HOSTS_FILE: {path} cannot be read: {detail}."),
    Problem.NOT_TOML: _("HOSTS_FILE: {path} is not TOML: look at line {detail}."),
    Problem.NOT_UTF8: _("HOSTS_FILE: {path} is not UTF-8 text."),
    Problem.OUTSIDE_SECTION: _("HOSTS_FILE: in {path}, {entry} is outside a [server] section."),
    Problem.HOLDS_PASSWORD: _(
        "HOSTS_FILE: in {path}, [{entry}] holds a password. Put it into a file and name that file as password_file."
    ),
    Problem.MISSING: _("HOSTS_FILE: in {path}, [{entry}] has no {field}. Set it to {expected}."),
    Problem.UNKNOWN_FIELD: _(
        "HOSTS_FILE: in {path}, [{entry}] has {field}, which is not a field. Remove it."
    ),
    Problem.WRONG_VALUE: _("HOSTS_FILE: in {path}, {field} of [{entry}] is wrong. Set it to {expected}."),
    Problem.TWO_LOGINS: _(
        "HOSTS_FILE: in {path}, [{entry}] has both key_file and password_file. Remove one of them."
    ),
    Problem.MARKED_KEY: _(
        "HOSTS_FILE: in {path}, known_hosts of [{entry}] has a line with @revoked or @cert-authority. Remove it."
    ),
    Problem.NO_KEY: _(
        "HOSTS_FILE: in {path}, known_hosts of [{entry}] has a line without a host key. Lines look like this: "
        "ssh-ed25519 AAAA…"
    ),
    Problem.DAMAGED_KEY: _("HOSTS_FILE: in {path}, known_hosts of [{entry}] has a truncated or damaged key."),
}
HOST_FIELDS: Mapping[str, str] = {
    "name": _("letters, digits, dots, hyphens and underscores, 64 at most"),
    "address": _("a host name or an IP address"),
    "port": _("a number from 1 to 65535"),
    "user": _("the name of a user on the server"),
    "key_file": _("the path of a private key"),
    "password_file": _("the path of a file that holds the password"),
    "roots": _("a list of full paths"),
    "known_hosts": _("a list of lines of known_hosts"),
    "sha256sum": _("true or false"),
}
"""What a field of the hosts file has to be."""
NOT_ONE_OF = _("{value} is not one of {choices}")
ARGPARSE: Mapping[str, str] = {
    "argument (?P<option>[^:]+): (?P<problem>.+)": _("argument {option}: {problem}"),
    "unrecognized arguments: (?P<words>.+)": _("unrecognized arguments: {words}"),
    "the following arguments are required: (?P<words>.+)": _("missing arguments: {words}"),
    "expected one argument": _("expected one argument"),
    "ignored explicit argument (?P<value>.+)": _("it takes no value, so leave out {value}"),
    "invalid choice: (?P<value>.+) \\(choose from (?P<choices>.+)\\)": NOT_ONE_OF,
    "invalid [a-z]+ value: (?P<value>.+)": _("{value} is not a number"),
    "ambiguous option: (?P<option>.+) could match (?P<choices>.+)": _("{option} could be any of {choices}"),
}
"""What Python's argparse says in English, as patterns, and what is said instead."""


def explained(problem: str) -> str:
    """What argparse says is wrong with a command line, in the language of now; any other text as it is."""
    for pattern, sentence in ARGPARSE.items():
        if found := re.fullmatch(pattern, problem, re.DOTALL):
            named = found.groupdict()
            return line(sentence, **{name: explained(text) for name, text in named.items()})
    return problem


def unknown_command(word: str, nearest: str, commands: Iterable[str]) -> str:
    """There is no such command of vtbot. `nearest`: the one that was probably meant, or ""."""
    known = enumerated(commands)
    if nearest:
        return line(
            "there is no command {word}. Did you mean {nearest}? The commands are {known}",
            word=word,
            nearest=nearest,
            known=known,
        )
    return line("there is no command {word}. The commands are {known}", word=word, known=known)


WRONG_USAGE = _("{program}: {problem}. See {program} --help.")
FOLLOWS_ASK = _("{word} follows ask: type vtbot ask {word} {example}")
NOT_A_DATE = _("{value} is not a date such as 2026-11-01")
NOT_A_TEAM = _("{value} is not the ID of a workspace or an organization, such as T012AB3CD")
NOT_PUBLIC = _("{value} is not a public address such as https://bot.example.com")
NOT_A_FOLDER = _("{value} is not a folder")
NOT_A_QUOTA = _("{value} is not like 4,500,15500")
NOTHING = _("nothing")
NOT_A_PORT = _("{value} is not a number from 0 to {last}")


def forgotten(team: str, count: int) -> str:
    """How many rows `vtbot forget` has deleted."""
    return ngettext(
        "Deleted one row that was kept for {team}.",
        "Deleted {count} rows that were kept for {team}.",
        count,
        team=team,
    )


# Said at a terminal only -----------------------------------------------------------------------------------

INTRODUCTION = _(
    "Try: /vt 192.0.2.1 · /vt help · any text with indicators · a number presses that button · Ctrl-D quits."
)
DATABASE_SILENT = _(
    "The database is not responding. Try again; if it keeps happening, check DATABASE_URL or STATE_DIR."
)
WORKSPACES = _("Open {address} to install the bot in practice workspaces. Ctrl-C quits.")
ONLY_IN_SLACK = _("That works only in Slack. Here: vtbot ask 'scan-ip 192.0.2.1'")
PAGE = _("Open {address} (a practice Slack), or type here.")
FILES_TO_TRY = _("Files to try: /vt scan-file {folder}/*")
NO_REQUEST = _(
    "There is no request {id}. Copy the whole ID from the message; old requests are deleted (KEEP_AUDIT)."
)
PICTURE_UNSAVED = _("I can't write {path} here. Change to a folder that you may write to.")
PICTURE_SAVED = _("The picture is in {path}")

# vtbot doctor -------------------------------------------------------------------------------------------


def doctor(mode: str, kinds: Mapping[str, str]) -> str:
    """What is set up, and what the operator must know about it. `kinds`: of keys, by instance; none for the sandbox."""
    lines = [
        {
            "http": line("Slack: HTTP mode (SLACK_SIGNING_SECRET)"),
            "socket": line("Slack: Socket Mode (SLACK_APP_TOKEN)"),
            "none": line("Slack: no tokens; `vtbot run` starts a local trial workspace"),
        }[mode],
        *([] if kinds else [INVENTED]),
        *(KEYS[kind] if len(kinds) == 1 else beside(KEYS[kind], name) for name, kind in kinds.items()),
    ]
    if "public" in kinds.values():
        lines.append(PUBLIC_TERMS)
    return join("\n", lines)


KEYS = {"public": _("VirusTotal: a public key"), "private": _("VirusTotal: a private key")}
NO_QUESTION = _(
    "Nothing to look up. Type it after ask, such as vtbot ask scan-ip 192.0.2.1, or pipe text into it: "
    "vtbot ask < iocs.txt"
)
"""In a terminal, for `vtbot ask` without a text."""
PUBLIC_TERMS = _(
    "VirusTotal's public API must not be used in commercial products, services or business workflows: "
    "for those, get a private key and set VT_KEY_KIND=private."
)
WITHOUT_SCOPE: Mapping[str, str] = {
    "app_mentions:read": _("mentions get no answer"),
    "channels:history": _(
        "nothing is heard in watched public channels, and after a crash an answer may be posted twice"
    ),
    "channels:join": _(
        "channels of WATCH_CHANNELS are not joined with WATCH_JOIN, nor those where /vt watch on is typed"
    ),
    "channels:read": _(
        "ALLOWED_CHANNELS and WATCH_CHANNELS cannot be told by name, and /vt watch does not work"
    ),
    "chat:write": _("nothing can be posted: only answers to commands and shortcuts arrive"),
    "commands": _("/vt and the shortcuts do not exist"),
    "files:read": _("attached files cannot be read"),
    "files:write": _("the JSON and CSV files cannot be sent"),
    "groups:history": _(
        "nothing is heard in watched private channels, and after a crash an answer may be posted twice"
    ),
    "groups:read": _("ALLOWED_CHANNELS and WATCH_CHANNELS cannot be told by name for private channels"),
    "im:history": _("direct messages get no answer"),
    "im:write": _("answers in direct messages may be posted twice after a crash"),
    "mpim:history": _("group direct messages get no answer"),
    "mpim:read": _("the names of group direct messages are not known"),
    "reactions:write": _("the watch cannot react to messages"),
    "users:read": _("nobody may ask, since the bot cannot tell who they are"),
    "users:read.email": _("/vt domain-report @somebody does not work"),
}
"""What does not work without a scope of the manifest."""


def missing_scopes(missing: Iterable[str]) -> str:
    """For the operator: each scope that is not granted, and what does not work without it; "" when none is missing."""
    lines = [
        line(
            "⛔ {scope} is not granted: {without}",
            scope=scope,
            without=WITHOUT_SCOPE.get(scope, _("it is in the manifest")),
        )
        for scope in missing
    ]
    if not lines:
        return ""
    mend = line("Update the app's manifest with `vtbot manifest`, and install the app again.")
    return join("\n", [*lines, mend])
