"""A hosts file for an SSH server in tests, and files on that server."""

import json


def hosts_file(folder, server, port, **changes):
    """Write a hosts file that names the server web-1, and return its path; None leaves a line out."""
    file = folder / "hosts.toml"
    file.write_text(entry("web-1", server, port, **changes))
    return str(file)


def entry(name, server, port, **changes):
    """The entry of one server."""
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


def write_remote_file(server, name, content):
    """Write a file on the server that its user may read, and return its path."""
    file = server.root / name
    file.write_bytes(content)
    file.chmod(0o644)
    server.root.chmod(0o755)
    return file
