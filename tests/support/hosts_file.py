"""A hosts file for a real sshd, and files on it, for tests of the bot."""

import json


def hosts_file(folder, server, port, **changes):
    """The path of one that calls it web-1; None leaves a line out."""
    file = folder / "hosts.toml"
    file.write_text(entry("web-1", server, port, **changes))
    return str(file)


def entry(name, server, port, **changes):
    """One server's entry."""
    lines = {
        "address": "127.0.0.1",
        "port": port,
        "user": server.user,
        "key_file": str(server.folder / "user_ed25519"),
        "roots": [str(server.root)],
        "known_hosts": [server.public("host_ed25519")],
        **changes,
    }
    said = (f"{key} = {json.dumps(value)}" for key, value in lines.items() if value is not None)
    return "\n".join([f"[{name}]", *said, ""])


def placed(server, name, content):
    """A file on the server that its user may read."""
    file = server.root / name
    file.write_bytes(content)
    file.chmod(0o644)
    server.root.chmod(0o755)
    return file
