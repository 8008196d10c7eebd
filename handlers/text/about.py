"""Sentences about the bot itself: help, health, the quota, where to try it. They are plain text."""

from collections.abc import Mapping

from handlers.text.format import Audience, Line, fault, join, line
from vt.actions import ACTIONS

WELCOME = (
    "Try: /vt 192.0.2.1 · /vt help · any text with indicators · a number presses that button · Ctrl-D quits."
)
INVENTED = "Invented data from the built-in sandbox, not from VirusTotal: no API key is set."


def page(address: str) -> str:
    """Where the trial workspace is."""
    return f"Open {address} (a practice Slack), or type here."


def files_to_try(folder: str) -> str:
    """Where files are that the bot may read."""
    return f"Files to try: /vt scan-file {folder}/*"


DOES: Mapping[str, str] = {
    "scan-ip": "reputation of an IP address",
    "scan-hash": "verdict on a file hash (MD5, SHA-1, SHA-256)",
    "scan-url": "verdict on a URL",
    "domain-report": "categories, history and detections of a domain",
    "scan-file": "verdict on a file: its hash is looked up, and it is uploaded if you agree",
}
"""What each action finds out, by the action's key."""


def help_lines() -> list[tuple[str, str]]:
    """Each command with what it does; made from the table of actions."""
    rows = [(f"/vt {action.key} {action.example}", DOES.get(action.key, action.title)) for action in ACTIONS]
    return [
        ("/vt any text with indicators", "find everything in the text and look it up"),
        *rows,
        ("/vt form 192.0.2.1", "open a form, filled in with the text that follows"),
        ("/vt settings", "this channel's thresholds, and who sees answers"),
        ("/vt ping", "check the API key, database and Slack"),
        ("/vt quota", "how much VirusTotal quota is left"),
        (
            "/vt watch on",
            "look up what people post in this channel; also status, off, risky, reaction, dry-run",
        ),
        (
            "/vt ignore example.com 7d reason …",
            "skip it in watched channels (no duration = permanently); also list, remove",
        ),
        ("--threshold 3", "call it RISKY from 3 engines up"),
        (
            "--rescan-after-days 30",
            "ask for a new analysis if the last one is older than 30 days (hashes, URLs)",
        ),
        ("--share", "post the answer in the channel, not only to you"),
        ("--fresh", "skip the cache"),
        (
            "--host web-1",
            "read the files from server web-1; separate paths with commas, * and ? are wildcards",
        ),
    ]


HELP_HEAD = (
    "Paste IPs, hashes, URLs, domains or any text. Separate values with spaces or commas; defanged is fine."
)
HELP_STATES = "🔴 RISKY: the threshold is met · 🟠 SUSPICIOUS: some engines flag it, below the threshold · 🟢 CLEAN: no engine flags it · ⚪ UNKNOWN: VirusTotal has no record, which does not mean clean · ⏳ PENDING: being analysed · ⛔ NOT CHECKED: the message says why"


def ping(parts: Mapping[str, tuple[float, str]]) -> Line:
    """Each part with its time in seconds, or what is wrong with it."""
    return join("\n", [_part(PING_NAMES[name], *found) for name, found in parts.items()])


def _part(name: str, took: float, fault: str) -> str:
    if fault:
        return line("⛔ {name}: {fault}", name=name, fault=fault)
    return f"🟢 {name}: {took * 1000:.0f} ms"


def silent(error: str, audience: Audience) -> Line:
    """A part of the bot did not respond, for a reason such as the name of an exception."""
    return fault("not responding ({error}). Tell {whoever}.", error=error).to(audience)


def doctor(mode: str, kind: str, *, invented: bool) -> str:
    """What is set up, and what the operator must know about it."""
    lines = [
        {
            "http": "Slack: HTTP mode (SLACK_SIGNING_SECRET)",
            "socket": "Slack: Socket Mode (SLACK_APP_TOKEN)",
            "none": "Slack: no tokens; `vtbot run` starts a local trial workspace",
        }[mode],
        INVENTED if invented else f"VirusTotal: a {kind} key",
    ]
    if not invented and kind == "public":
        lines.append(PUBLIC_TERMS)
    return "\n".join(lines)


PUBLIC_TERMS = (
    "VirusTotal's public API must not be used in commercial products, services or business workflows: "
    "for those, get a private key and set VT_KEY_KIND=private."
)
PING_NAMES = {"key": "VirusTotal key", "database": "Database", "slack": "Slack"}


def quota(windows: Mapping[str, tuple[int, int]]) -> str:
    """Used and allowed in each window; 0 allowed means no limit."""
    lines = [
        f"This {name}: {calls(used)}, {max(0, most - used)} of {most} left"
        if most
        else f"This {name}: {calls(used)} (no limit)"
        for name, (used, most) in windows.items()
    ]
    return "\n".join(lines)


def calls(count: int) -> str:
    """Calls to VirusTotal."""
    return f"{count} call{'s'[: count != 1]}"
