"""The pages of an app that people install: the one to agree on, and the list of where it is installed."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

STYLE = """
:root{color-scheme:light dark;--ground:#fff;--ink:#1d1c1d;--soft:#5c5a5e;--line:#85828a;--go:#00664a;--stop:#b3123c;--link:#0b57a4}
@media(prefers-color-scheme:dark){:root{--ground:#1a1d21;--ink:#e8e8ea;--soft:#b4b6bb;--line:#8b8e95;--go:#00734f;--stop:#c2264c;--link:#6fb3f2}}
body{background:var(--ground);color:var(--ink);font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.4rem}p,dd{color:var(--soft);margin:.3rem 0}dl{margin:0}dt{font-weight:700;border-top:1px solid var(--line);padding-top:.8rem;margin-top:.8rem}
dd{display:flex;flex-wrap:wrap;gap:.6rem;align-items:center}form{margin:0}a{color:var(--link)}ul{padding-left:1.2rem}label{display:block}
select,button,.button{font:inherit;min-height:2.75rem;box-sizing:border-box;padding:.5rem 1rem;border-radius:.3rem;border:1px solid var(--line);background:var(--ground);color:var(--ink)}
.button{display:inline-block;text-decoration:none}.go{background:var(--go);border-color:var(--go);color:#fff}.stop{background:var(--stop);border-color:var(--stop);color:#fff}
select{width:100%;max-width:100%}:focus-visible{outline:3px solid var(--link);outline-offset:2px}
"""


@dataclass(frozen=True, slots=True)
class Listed:
    """A workspace or the organisation, as the list has it."""

    team: str
    name: str
    state: str
    """Whether the app is installed there, in words."""
    installed: bool
    """By an installation of its own, which can be removed."""
    page: str
    """Where people work in it; "" for the organisation."""
    install: str
    """Where its installation begins."""


def page(title: str, body: str) -> str:
    """A whole page. What it is made of is escaped already."""
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title><style>{STYLE}</style>'
    return f'<!DOCTYPE html><html lang="en"><head>{head}</head><body><main><h1>{title}</h1>{body}</main></body></html>'


def consent(teams: Mapping[str, str], scopes: str, chosen: str) -> str:
    """Where somebody chooses a workspace, or the organisation, and agrees."""
    choices = "".join(
        f'<option value="{team}"{" selected" * (team == chosen)}>{escape(name)}</option>'
        for team, name in teams.items()
    )
    wanted = "".join(f"<li>{escape(scope)}</li>" for scope in scopes.split(","))
    buttons = (
        '<button class="go" name="decision" value="allow">Allow</button> '
        '<button name="decision" value="deny">Cancel</button>'
    )
    return page(
        "VirusTotal asks for access",
        f'<form method="post"><label>Where<select name="team">{choices}</select></label>'
        f"<p>It wants to use:</p><ul>{wanted}</ul>{buttons}</form>",
    )


def overview(listed: list[Listed]) -> str:
    """Where the app is installed, with what leads to each workspace, and what installs and removes it."""
    parts = "".join(_listed(one) for one in listed)
    said = "<p>A practice Slack of two workspaces and an organization. Only this machine can open it.</p>"
    return page("Where the bot is installed", f"{said}<dl>{parts}</dl>")


def _listed(one: Listed) -> str:
    way = f'<a class="button" href="{escape(one.page)}">Open</a>' if one.page else ""
    if one.installed:
        change = (
            f'<form method="post"><button class="stop" name="team" value="{one.team}" '
            f'aria-label="Remove from {escape(one.name)}">Remove</button></form>'
        )
        again = "Install again"
    else:
        change, again = "", "Install"
    install = (
        f'<a class="button{"" if one.installed else " go"}" href="{escape(one.install)}" '
        f'aria-label="{again}: {escape(one.name)}">{again}</a>'
    )
    return f"<dt>{escape(one.name)}</dt><dd>{one.state}</dd><dd>{way}{install}{change}</dd>"
