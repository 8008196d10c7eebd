"""The hosts file: what may stand in it. What is said when it is wrong: tests/bot/test_hosts_file.py."""

import pytest
from pydantic import SecretStr

from vt import errors
from vt.files import hosts

ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIvmzpZbiJcj7qS1b0eVHNQIfiSkLWVPfTKlK3SOpUBt"
ENTRY = f"""
[web-1]
address = "192.0.2.7"
user = "scanner"
key_file = "/run/secrets/web-1.key"
roots = ["/srv/samples", "/var/quarantine"]
known_hosts = ["{ED25519} root@web-1"]
"""


def load(tmp_path, text):
    path = tmp_path / "hosts.toml"
    path.write_text(text)
    return hosts.load(path)


def test_an_entry_names_all_that_is_needed(tmp_path):
    """Address, login, roots and key; the port is 22 and nothing is run there unless it is said."""
    host = load(tmp_path, ENTRY)["web-1"]
    assert (host.name, host.address, host.port, host.user) == ("web-1", "192.0.2.7", 22, "scanner")
    assert [str(root) for root in host.roots] == ["/srv/samples", "/var/quarantine"]
    assert host.keys == (hosts.host_key(ED25519),)
    assert host.sha256sum is False


@pytest.mark.parametrize(
    "line",
    [
        ED25519,
        f"{ED25519} a comment",
        f"192.0.2.7 {ED25519}",
        f"[web-1.example.com]:2222,192.0.2.7 {ED25519}",
        f"|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg= {ED25519}",
    ],
)
def test_a_key_is_taken_from_known_hosts_or_from_a_pub_file(line):
    """However the line begins or ends, it is the same key."""
    kind, key = hosts.host_key(line)
    assert kind == "ssh-ed25519"
    assert len(key) == 51


@pytest.mark.parametrize(
    "line",
    [
        "",
        "ssh-ed25519",
        "AAAAC3NzaC1lZDI1NTE5",
        "ssh-dss AAAAB3NzaC1kc3M=",
        "ssh-ed25519 AAAAB3NzaC1yc2E=",
        f"{ED25519}?",
        f"@revoked * {ED25519}",
        f"@cert-authority * {ED25519}",
        "SHA256:RL+JMTk0p8IQWJNxtPU6S2Ze1dcOZYsxuCKJ1eNqaOU",
    ],
)
def test_what_is_no_key_is_refused_when_the_file_is_read(line):
    """A damaged, foreign or revoked key never becomes one that is known."""
    with pytest.raises(hosts.BadEntry):
        hosts.host_key(line)


def test_a_server_is_asked_for_by_its_name(tmp_path):
    """Another name is unknown; of an entry without a login of its own it is said that one has to be typed."""
    known = load(tmp_path, ENTRY + '\n[web-2]\naddress = "192.0.2.8"')
    assert hosts.with_stored_login(known, "web-1").address == "192.0.2.7"
    with pytest.raises(errors.LoginWanted):
        hosts.with_stored_login(known, "web-2")
    for name in ("192.0.2.7", "WEB-1", ""):
        with pytest.raises(errors.HostUnknown) as unknown:
            hosts.with_stored_login(known, name)
        assert unknown.value.host == name


def test_a_typed_login_is_used_on_a_known_server_and_nothing_else_of_the_entry_changes(tmp_path):
    """By address or name; keys and roots stay those of the entry, its own login is left out."""
    known = load(tmp_path, ENTRY)
    for name in ("192.0.2.7", "web-1"):
        host = hosts.with_typed_login(known, name, "alice", SecretStr("hunter2"))
        assert (host.user, host.key_file, host.password.get_secret_value()) == ("alice", None, "hunter2")
        assert (host.keys, host.roots) == (known["web-1"].keys, known["web-1"].roots)
    with pytest.raises(errors.HostUnknown):
        hosts.with_typed_login(known, "192.0.2.9", "alice", SecretStr("hunter2"))


def test_a_typed_password_is_in_no_form_that_could_be_stored_or_logged(tmp_path):
    """Neither shown nor dumped."""
    host = hosts.with_typed_login(load(tmp_path, ENTRY), "web-1", "alice", SecretStr("hunter2"))
    assert "hunter2" not in f"{host!r} {host} {host.model_dump()} {host.model_dump_json()}"
    assert "password" not in host.model_dump()
