"""Names of places where files are stored. Pure, so that whatever shows a place needs nothing that opens one.

"" is this machine; the others are "host:web-1", "login:web-1/<random>", "slack:<file id>" and "stdin:".
"""

THIS_MACHINE = ""
"""The name of the place whose files are on this machine."""
HOST = "host"
"""The kind of a server's files, read with the login of its entry in the hosts file: `host:<server>`."""
LOGIN = "login"
"""The kind of a server's files, read with a login that someone typed: `login:<server>/<random>`."""


def host_place(server: str) -> str:
    """The name of the place for a server of the hosts file."""
    return f"{HOST}:{server}"


def display_name(place: str) -> str:
    """What people are shown: a server's name, or the kind of place; "" for this machine."""
    kind, _, name = place.partition(":")
    return name.partition("/")[0] if kind in (HOST, LOGIN) else kind
