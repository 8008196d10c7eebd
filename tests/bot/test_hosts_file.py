"""What the operator reads when the hosts file is wrong."""

import pytest

from bot.environment import SettingsError
from bot.file_sources import servers
from bot.settings import load
from handlers.text.language import Language, language
from handlers.text.terminal import HOST_FIELDS
from tests.support.leftovers import leftovers
from tests.vt.test_hosts_file import ENTRY

DATA = (
    "HOSTS_FILE",
    "TOML",
    "UTF-8",
    "server",
    "No such file or directory",
    "known_hosts",
    "agent",
)
"""Names of settings, of formats and of fields, and what the system says."""

WRONG = [
    ("[web-1", "is not TOML: look at line 1."),
    (ENTRY + "port", "is not TOML: look at line 8."),
    ('address = "x"', "address is outside a [server] section."),
    ("[web-1]", "[web-1] has no address. Set it to a host name or an IP address."),
    (ENTRY + 'password = "hunter2"', "[web-1] holds a password. Put it into a file"),
    (ENTRY + "port = 70000", "port of [web-1] is wrong. Set it to a number from 1 to 65535."),
    (ENTRY + 'sha256sum = "perhaps"', "sha256sum of [web-1] is wrong. Set it to true or false."),
    (ENTRY + 'agent = "yes"', "[web-1] has agent, which is not a field. Remove it."),
    (ENTRY + 'password_file = "/x"', "[web-1] has both key_file and password_file. Remove one of them."),
    (ENTRY.replace("user", "#"), "[web-1] has no user. Set it to the name of a user on the server."),
    (ENTRY.replace("/srv/samples", "hunter2"), "roots of [web-1] is wrong. Set it to a list of full paths."),
    (ENTRY.replace("ssh-ed25519", "ssh-rsa"), "known_hosts of [web-1] has a truncated or damaged key."),
    (ENTRY.replace("ssh-ed25519", "hunter2"), "known_hosts of [web-1] has a line without a host key."),
    (ENTRY.replace("ssh-ed25519", "@revoked"), "has a line with @revoked or @cert-authority. Remove it."),
    (ENTRY.replace("web-1", "'../x'", 1), "name of [../x] is wrong. Set it to letters, digits, "),
    ("\udce9", "is not UTF-8 text."),
    (None, "cannot be read: No such file or directory."),
]


@pytest.mark.parametrize(("text", "sentence"), WRONG)
def test_a_wrong_file_is_refused_with_one_sentence_that_holds_no_secret(tmp_path, text, sentence):
    """It names the file, the entry and what to change, in the language of whoever starts the bot."""
    path = tmp_path / "hosts.toml"
    if text is not None:
        path.write_text(text, errors="surrogateescape")
    with pytest.raises(SettingsError) as refused:
        servers(load({"HOSTS_FILE": str(path), "STATE_DIR": str(tmp_path)}, dotenv=None))
    told = str(refused.value)
    assert told.startswith("HOSTS_FILE: ")
    assert sentence in told
    assert str(path) in told
    assert "hunter2" not in told
    with language(Language.PSEUDO):
        assert leftovers([str(refused.value)], [*DATA, *HOST_FIELDS]) == []
