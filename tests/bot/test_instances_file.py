"""What the operator reads when the file of instances is wrong, and what a right one means."""

import json

import pytest

from bot.__main__ import main
from bot.environment import SettingsError
from bot.instances import FIELDS, instances, secrets
from bot.settings import load
from handlers.text.language import Language, language
from tests.support.leftovers import leftovers
from tests.support.logs import restored_logging

KEY = "0123456789abcdef" * 4
OTHER = KEY[::-1]
ENTRY = f'[main]\nkey = "{KEY}"\n'
SECOND = f'[lab]\nkey = "{OTHER}"\n'
DATA = (
    "INSTANCES_FILE",
    "VT_API_KEY",
    "TOML",
    "UTF-8",
    "No such file or directory",
    "main",
    "lab",
    "default",
    *("Main", "more", "quota"),
)
"""Names of settings, of formats and of tables, and what the system says."""

WRONG = [
    ("[main", "is not TOML: look at line 1."),
    (ENTRY + "kind", "is not TOML: look at line 3."),
    ("", "lists no instance. Add a table such as [main] with a key."),
    ("\udce9", "is not UTF-8 text."),
    (None, "cannot be read: No such file or directory."),
    (ENTRY + SECOND + ENTRY, "[main] is there twice. Rename one of them."),
    ('kind = "public"', "kind is outside a table such as [main]."),
    ("[[main]]", "main is outside a table such as [main]."),
    ("[main]", "[main] needs either key or key_file."),
    (ENTRY + 'key_file = "/x"', "[main] needs either key or key_file."),
    ('[main]\nkey_file = "/nowhere/key"', "key_file of [main] cannot be read: No such file or directory."),
    ("[main]\nkey_file = 5", "key_file of [main] is wrong. Set it to a VirusTotal API key: 64"),
    (
        '[main]\nkey = "hunter2"',
        "key of [main] is wrong. Set it to a VirusTotal API key: 64 hexadecimal digits.",
    ),
    ('[main]\nkey = "hunter 2"\nurl = "https://gate.example/"', "key of [main] is wrong."),
    ("[main]\nkey = 5", "key of [main] is wrong."),
    (ENTRY + 'quota = "hunter2"', "[main] has quota, which is not a field. Remove it."),
    (ENTRY + 'name = "x"', "[main] has name, which is not a field. Remove it."),
    (ENTRY + f'{KEY} = "x"', "[main] has …, which is not a field. Remove it."),
    (ENTRY + "[main.more]", "[main] has more, which is not a field. Remove it."),
    (f'[{KEY}]\nkey = "{KEY}"', "name of […] is wrong. Set it to lower-case letters, digits, "),
    (ENTRY.replace("main", "Main"), "name of [Main] is wrong. Set it to lower-case letters"),
    (ENTRY + 'kind = "hunter2"', "kind of [main] is wrong. Set it to public or private."),
    (
        ENTRY + "quota_day = -1",
        "quota_day of [main] is wrong. Set it to a whole number of calls; 0 means no limit.",
    ),
    (ENTRY + "quota_day = true", "quota_day of [main] is wrong."),
    (ENTRY + 'verify_ssl = "hunter2"', "verify_ssl of [main] is wrong. Set it to true or false."),
    (
        ENTRY + 'url = "https://hunter2@x.example/"',
        "url of [main] is wrong. Set it to an address like https://",
    ),
    (ENTRY + 'proxy = "hunter2"', "proxy of [main] is wrong. Set it to the address of an HTTP proxy"),
    (
        ENTRY + 'ca_bundle = "/nowhere/hunter2"',
        "ca_bundle of [main] is wrong. Set it to a file of certificates",
    ),
    (ENTRY + 'teams = "T012AB3CD"', "teams of [main] is wrong. Set it to a list of workspaces' ids"),
    (ENTRY + "channels = [5]", "channels of [main] is wrong. Set it to a list of channels' ids or names"),
    (
        ENTRY + 'allowed_users = ["<hunter2>"]',
        "allowed_users of [main] is wrong. Set it to a list of people's",
    ),
    (
        ENTRY + 'teams = ["T1"]\n' + SECOND + 'teams = ["T2", "T1"]',
        "teams of [lab] has one in common with [main]. Only one instance can be the default there.",
    ),
    (
        ENTRY + 'channels = ["incidents"]\n' + SECOND + 'channels = ["#incidents"]',
        "channels of [lab] has one in common with [main].",
    ),
    (
        ENTRY + f'[lab]\nkey = "{KEY}"\nquota_minute = 9',
        "[lab] has the key of [main], but another quota_minute. Give both the same.",
    ),
]


@pytest.mark.parametrize(("text", "sentence"), WRONG)
def test_a_wrong_file_is_refused_with_one_sentence_that_holds_no_secret(tmp_path, text, sentence):
    """It names the file, the table and what to change, in the language of whoever starts the bot."""
    path = tmp_path / "instances.toml"
    if text is not None:
        path.write_text(text, errors="surrogateescape")
    with pytest.raises(SettingsError) as refused:
        instances(load({"INSTANCES_FILE": str(path)}, dotenv=None))
    told = str(refused.value)
    assert told.startswith("INSTANCES_FILE: ")
    assert sentence in told
    assert str(path) in told
    assert "hunter" not in told
    assert KEY not in told
    assert len(told.splitlines()) == 1
    with language(Language.PSEUDO):
        assert leftovers([str(refused.value)], [*DATA, *FIELDS]) == []


def test_the_name_of_the_first_key_is_taken(tmp_path):
    """VT_API_KEY's instance is called default; a table of that name is for those who unset it."""
    path = tmp_path / "instances.toml"
    path.write_text(ENTRY.replace("main", "default"))
    with pytest.raises(SettingsError, match=r"\[default\] has the name of VT_API_KEY's instance"):
        instances(load({"INSTANCES_FILE": str(path), "VT_API_KEY": OTHER}, dotenv=None))
    assert list(instances(load({"INSTANCES_FILE": str(path)}, dotenv=None))) == ["default"]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"hunter2"])
def test_a_key_file_that_holds_no_key(tmp_path, content):
    """Empty, binary, or something else: one sentence without what is in it."""
    secret, path = tmp_path / "key", tmp_path / "instances.toml"
    secret.write_bytes(content)
    path.write_text(f'[main]\nkey_file = "{secret}"')
    with pytest.raises(SettingsError, match=r"key_file of \[main\] ") as refused:
        instances(load({"INSTANCES_FILE": str(path)}, dotenv=None))
    assert "hunter2" not in str(refused.value)


def test_what_a_table_leaves_out_is_as_the_variables_say(tmp_path):
    """Kind, quota, address and certificates; a key in a file may end with a line break."""
    secret, path = tmp_path / "key", tmp_path / "instances.toml"
    secret.write_text(f"{OTHER}\n")
    path.write_text(ENTRY + f'[lab]\nkey_file = "{secret}"\nkind = "private"\nquota_day = 0')
    environ = {"INSTANCES_FILE": str(path), "VT_QUOTA_MINUTE": "9", "VT_API_URL": "https://gate.example/v2"}
    main, lab = instances(load(environ, dotenv=None)).values()
    assert (main.kind, main.quota_minute, main.quota_day, main.url) == (
        "public",
        9,
        500,
        "https://gate.example/v2/",
    )
    assert (lab.kind, lab.quota_minute, lab.quota_day, lab.url) == (
        "private",
        9,
        0,
        "https://gate.example/v2/",
    )
    assert lab.key.get_secret_value() == OTHER


def test_without_a_file_there_is_the_one_key_or_none():
    """VT_API_KEY's, or none at all for the sandbox."""
    assert list(instances(load({"VT_API_KEY": KEY}, dotenv=None))) == ["default"]
    assert instances(load({}, dotenv=None)) == {}


def test_no_log_holds_a_key_or_a_proxys_password(tmp_path):
    """They are among what is left out of every line, and no instance shows its key."""
    path = tmp_path / "instances.toml"
    path.write_text(ENTRY + 'proxy = "http://u:hunter2@proxy.example:3128"')
    settings = load({"INSTANCES_FILE": str(path)}, dotenv=None)
    assert {KEY, "hunter2"} <= {one.get_secret_value() for one in secrets(settings)}
    shown = repr(instances(settings)) + json.dumps(str(instances(settings)["main"]))
    assert KEY not in shown
    assert "hunter2" not in shown


def test_every_command_says_it_in_one_line(tmp_path, monkeypatch, capsys):
    """Exit status 2, as with any wrong setting."""
    monkeypatch.chdir(tmp_path)
    with restored_logging():
        for words in (["run"], ["doctor"], ["ask", "quota"], ["audit"]):
            assert main(words, {"INSTANCES_FILE": str(tmp_path / "nowhere.toml")}) == 2
            [line] = capsys.readouterr().err.splitlines()
            assert "INSTANCES_FILE: " in line
