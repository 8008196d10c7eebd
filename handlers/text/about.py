"""What the bot says of itself: help, health, the quota, where it can be tried. All of it is plain text."""

from collections.abc import Mapping

from vt.actions import ACTIONS

WELCOME = (
    "Type /vt scan-ip 192.0.2.1, /vt help, or any text with indicators; press a button by its number; "
    "Ctrl-D ends."
)
INVENTED = "Invented data: no VT_API_KEY is set, so the built-in sandbox answers."


def page(address: str) -> str:
    """Where the workspace to try the bot in can be looked at."""
    return f"A Slack workspace to try the bot in: {address} in your browser, or here."


def files_to_try(folder: str) -> str:
    """Where files are that the bot may read."""
    return f"Files to try it with: /vt scan-file {folder}/*"


def help_lines() -> list[tuple[str, str]]:
    """Each command with what it does; made from the table of actions."""
    rows = [(f"/vt {action.key} {action.example}", action.title) for action in ACTIONS]
    return [
        ("/vt any text with indicators", "finds what is in it and looks everything up"),
        *rows,
        ("/vt form 192.0.2.1", "a form for all of this, with what follows in it"),
        ("/vt settings", "thresholds in this channel, and who sees answers"),
        ("/vt ping", "is everything answering? key, database, Slack"),
        ("/vt quota", "what is left of VirusTotal's quota"),
        ("/vt watch on", "look up what is posted in this channel; status, off, risky, reaction, dry-run"),
        ("/vt ignore example.com 7d why", "leave it alone in watched channels; list, remove"),
        ("--threshold 3", "engines that make it RISKY: this many or more"),
        ("--rescan-after-days 30", "analyse anew when the last analysis is that old (hashes, URLs)"),
        ("--share", "answer in the channel, not to you alone"),
        ("--fresh", "ask VirusTotal now"),
        ("--host web-1", "files are on that Linux server; several paths by comma, * and ? fit names"),
    ]


HELP_HEAD = "What do you want to know about? Several values by space or comma, defanged or not."
HELP_STATES = "🔴 RISKY: the threshold is met · 🟠 SUSPICIOUS: some engines, below it · 🟢 CLEAN: no engine flags it · ⚪ UNKNOWN: not in VirusTotal, which is not clean · ⏳ PENDING: being analysed · ⛔ NOT CHECKED: with the reason"


def ping(parts: Mapping[str, tuple[float, str]]) -> str:
    """Each part with its time in seconds, or what is wrong with it."""
    lines = [
        f"⛔ {PING_NAMES[name]}: {fault}" if fault else f"🟢 {PING_NAMES[name]}: {took * 1000:.0f} ms"
        for name, (took, fault) in parts.items()
    ]
    return "\n".join(lines)


def silent(fault: str) -> str:
    """Something of the bot's own did not answer."""
    return f"does not answer ({fault}). The operator must look."


def doctor(mode: str, kind: str, *, invented: bool) -> str:
    """What is set up, and what the operator must know about it."""
    lines = [
        {
            "http": "Slack: HTTP mode (SLACK_SIGNING_SECRET)",
            "socket": "Slack: Socket Mode (SLACK_APP_TOKEN)",
            "none": "Slack: no tokens; `vtbot run` opens a workspace to try it in",
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
        f"{name}: {used} used, {max(0, most - used)} of {most} left"
        if most
        else f"{name}: {used} used, no limit"
        for name, (used, most) in windows.items()
    ]
    return "\n".join(lines)
