"""What the host sets, and the one sentence for each thing that is set wrong."""

from pathlib import Path

import pytest

from bot.environment import SettingsError
from bot.manifest import Mode
from bot.settings import Settings, load
from handlers.text.language import Language, language
from vt.actions import ACTIONS
from vt.evidence import HostCriteria, HostRule

BOT = {"SLACK_BOT_TOKEN": "xoxb-canary-1"}
SOCKET = BOT | {"SLACK_APP_TOKEN": "xapp-canary-2"}
HTTP = BOT | {"SLACK_SIGNING_SECRET": "canary-3"}
KEY = "A" * 43 + "="
OAUTH = {"SLACK_CLIENT_ID": "1042.4711", "SLACK_CLIENT_SECRET": "canary-4", "TOKEN_KEYS": KEY}


def without(environ, name):
    """These variables but for one."""
    return {key: value for key, value in environ.items() if key != name}


def refused(environ, dotenv=None) -> str:
    with pytest.raises(SettingsError) as caught:
        load(environ, dotenv)
    assert caught.value.__cause__ is None
    assert "\n" not in str(caught.value)
    assert "canary" not in str(caught.value)
    return str(caught.value)


def test_nothing_set():
    """With nothing set, the documented defaults hold and there is no Slack to speak with."""
    settings = load({}, None)
    assert settings.mode is Mode.NONE
    assert (settings.host, settings.port, settings.state_dir) == ("127.0.0.1", 3000, Path(".state"))
    assert (settings.vt_quota_minute, settings.vt_quota_day, settings.vt_quota_month) == (4, 500, 15500)
    assert settings.thresholds == {action.key: action.threshold for action in ACTIONS}
    assert settings.thresholds["scan-ip"] == 25
    assert settings.slack_api_url == "https://slack.com/api/"
    assert settings.vt_api_url == "https://www.virustotal.com/vtapi/v2/"
    assert (settings.vt_key_kind, settings.vt_verify_ssl) == ("public", True)
    assert (settings.url_submit, settings.file_roots) == ("confirm", ())
    assert settings.vt_api_key is None
    assert settings.database_url is None


@pytest.mark.parametrize(
    ("value", "language"),
    [
        ("ja", "ja"),
        ("ES", "es"),
        ("es_MX:en", "es"),
        ("fr_FR:ja", "ja"),
        ("de_DE:de", "en"),
        ("en_US:en", "en"),
    ],
)
def test_the_language(value, language):
    """A code, or what a desktop set for gettext: that must not keep the bot from starting."""
    assert load({"LANGUAGE": value}, None).language == language


@pytest.mark.parametrize("name", Settings.model_fields)
def test_what_each_setting_has_to_be_is_translated(name):
    """Whoever starts the bot reads it in the language of their terminal."""
    what = Settings.model_fields[name].description
    with language(Language.JAPANESE):
        assert str(what) != what


def test_a_language_that_the_bot_does_not_speak():
    """It is refused, with those that it speaks."""
    assert refused({"LANGUAGE": "klingon"}) == "LANGUAGE must be en, ja or es."


@pytest.mark.parametrize(
    ("environ", "mode"),
    [
        (SOCKET, Mode.SOCKET),
        (HTTP, Mode.HTTP),
        (OAUTH | {"SLACK_SIGNING_SECRET": "canary"}, Mode.HTTP),
        (OAUTH | {"SLACK_APP_TOKEN": "xapp-canary", "TOKEN_KEYS": f"{KEY}, {KEY}"}, Mode.SOCKET),
    ],
)
def test_each_mode(environ, mode):
    """The variables that are set say how Slack is spoken with."""
    assert load(environ, None).mode is mode


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        (BOT, "SLACK_APP_TOKEN"),
        ({"SLACK_APP_TOKEN": "xapp-canary"}, "SLACK_BOT_TOKEN"),
        ({"SLACK_SIGNING_SECRET": "canary"}, "SLACK_BOT_TOKEN"),
        (SOCKET | HTTP, "remove the other"),
        (OAUTH, "SLACK_CLIENT_ID is set, but neither SLACK_APP_TOKEN"),
        (OAUTH | HTTP, "keep the token for one workspace"),
        (OAUTH | {"SLACK_SIGNING_SECRET": "canary", "SLACK_APP_TOKEN": "xapp-canary"}, "remove the other"),
        (without(OAUTH, "TOKEN_KEYS"), "openssl rand -base64 32"),
        (without(OAUTH, "SLACK_CLIENT_ID"), "SLACK_CLIENT_ID is not set"),
        (without(OAUTH, "SLACK_CLIENT_SECRET"), "SLACK_CLIENT_SECRET is not set"),
        (OAUTH | {"SLACK_CLIENT_ID": "canary"}, "SLACK_CLIENT_ID must be the client ID"),
        (OAUTH | {"TOKEN_KEYS": "canary"}, "TOKEN_KEYS must be keys of 32 random bytes"),
        (OAUTH | {"TOKEN_KEYS": f"{KEY},canary"}, "TOKEN_KEYS must be"),
        (
            {"SLACK_BOT_TOKEN": "xapp-canary"},
            "SLACK_BOT_TOKEN must be the bot token, which begins with xoxb-",
        ),
        (BOT | {"SLACK_APP_TOKEN": "xoxb-canary"}, "begins with xapp-"),
        ({"SLACK_BOT_TOKEN": "xoxb-canary 1"}, "SLACK_BOT_TOKEN"),
        ({"VT_API_KEY": "canary\nkey"}, "VT_API_KEY"),
        ({"VT_UPLOAD_HOSTS": "https://canary.example/"}, "VT_UPLOAD_HOSTS must be names of hosts"),
        ({"VT_API_URL": "canary"}, "VT_API_URL must be an address like https://"),
        ({"VT_API_URL": "https://canary:canary@vt.example/"}, "VT_API_URL"),
        ({"VT_API_URL": "https://vt.example/?apikey=canary"}, "VT_API_URL"),
        ({"VT_API_URL": "https://vt.example:canary/"}, "VT_API_URL"),
        ({"SLACK_API_URL": "ftp://canary.example/"}, "SLACK_API_URL"),
        ({"DATABASE_URL": "mysql://u:canary@db/x"}, "DATABASE_URL must be an address like postgresql://"),
        ({"DATABASE_URL": "postgresql://u:canary@db/x?canary=1"}, "DATABASE_URL"),
        ({"PORT": "canary"}, "PORT must be a number from 0 to 65535"),
        ({"PORT": "65536"}, "PORT"),
        ({"VT_KEY_KIND": "canary"}, "VT_KEY_KIND must be public or private"),
        ({"VT_VERIFY_SSL": "canary"}, "VT_VERIFY_SSL must be true or false"),
        ({"URL_SUBMIT": "canary"}, "URL_SUBMIT must be confirm, allow or deny"),
        ({"VT_QUOTA_DAY": "-1"}, "VT_QUOTA_DAY must be a whole number of calls; 0 means no limit"),
        ({"VT_QUOTA_MONTH": "1.5"}, "VT_QUOTA_MONTH"),
        ({"FILE_ROOTS": "/srv:canary"}, "FILE_ROOTS must be absolute folders"),
        *(
            (
                {f"VT_THRESHOLD_{action.setting}": wrong},
                f"VT_THRESHOLD_{action.setting} must be a whole number",
            )
            for action in ACTIONS
            for wrong in ("0", "-1", "x", "3.5", "1000000000")
        ),
    ],
)
def test_wrong_settings(environ, says):
    """What is missing, half or wrong is refused with a sentence that names the variable and not its value."""
    assert says in refused(environ)


@pytest.mark.parametrize("contact", ["x" * 201, "a\nb", "a\x1b[2J"])
def test_a_contact_is_one_line(contact):
    """It is shown to people as it is."""
    assert "CONTACT must be a Slack user, a Slack channel or an address" in refused({"CONTACT": contact})
    assert load({"CONTACT": " the SOC, ext. 123 "}, None).contact == "the SOC, ext. 123"
    assert load({}, None).contact == ""


def test_what_is_set():
    """What is set is what holds, with spaces around it and empty values overlooked."""
    settings = load(
        {
            "VT_THRESHOLD_HASH": " 7 ",
            "VT_THRESHOLD_IP": "",
            "VT_QUOTA_MINUTE": "0",
            "VT_API_URL": "http://127.0.0.1:8080/v2",
            "VT_KEY_KIND": "Private",
            "VT_VERIFY_SSL": "false",
            "FILE_ROOTS": "/srv/samples:/var/spool,/mnt",
            "UNHEARD_OF": "1",
        },
        None,
    )
    assert settings.thresholds["scan-hash"] == 7
    assert settings.thresholds["scan-ip"] == 25
    assert settings.vt_quota_minute == 0
    assert settings.vt_api_url == "http://127.0.0.1:8080/v2/"
    assert (settings.vt_key_kind, settings.vt_verify_ssl) == ("private", False)
    assert settings.file_roots == (Path("/srv/samples"), Path("/var/spool"), Path("/mnt"))


def test_how_hosts_are_judged():
    """By what they served in 90 days, unless it is set; what is no rule or number of days is refused."""
    assert load({}, None).verdicts.hosts == HostCriteria(HostRule.SERVED, 90)
    chosen = load({"VT_HOST_RULE": "Documented", "VT_EVIDENCE_DAYS": "0"}, None).verdicts.hosts
    assert chosen == HostCriteria(HostRule.DOCUMENTED, 0)
    assert "VT_HOST_RULE must be served or documented" in refused({"VT_HOST_RULE": "best"})
    for days in ("-1", "3651", "a year"):
        assert "VT_EVIDENCE_DAYS must be a number of days" in refused({"VT_EVIDENCE_DAYS": days})


@pytest.mark.parametrize("name", ["KEEP_ANSWERS", "KEEP_AUDIT", "KEEP_HISTORY"])
def test_how_long_things_are_kept(name):
    """For whole days, one at least: what is being answered now must not be deleted."""
    assert getattr(load({name: "7"}, None), name.lower()) == 7
    for days in ("0", "-1", "3661", "1.5", "a year"):
        assert refused({name: days}) == f"{name} must be a number of days from 1 to 3660."


def test_settings_stay():
    """Nobody changes a setting once they are read."""
    settings = load({}, None)
    with pytest.raises(ValueError, match="frozen"):
        settings.port = 1


def test_dotenv(tmp_path):
    """A .env file fills in what the environment does not set, and dollar signs in it stay."""
    file = tmp_path / ".env"
    file.write_text("VT_API_KEY='a${HOME}b'\nPORT=4000\nHOST=0.0.0.0\n")
    settings = load({"PORT": "5000"}, file)
    assert settings.vt_api_key.get_secret_value() == "a${HOME}b"
    assert (settings.host, settings.port) == ("0.0.0.0", 5000)
    assert load({}, tmp_path / "missing").port == 3000


def test_secret_file(tmp_path):
    """NAME_FILE names a file that holds the secret; the line's end is not part of it."""
    file = tmp_path / "token"
    file.write_text("xoxb-from-file\n")
    settings = load({"SLACK_BOT_TOKEN_FILE": str(file), "SLACK_SIGNING_SECRET": "s"}, None)
    assert settings.slack_bot_token.get_secret_value() == "xoxb-from-file"


def test_unreadable_secret_files(tmp_path):
    """A secret's file that is missing, empty, binary, or one of two sources is refused by its variable's name."""
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    assert "VT_API_KEY_FILE cannot be read: No such file" in refused({"VT_API_KEY_FILE": "/canary"})
    assert "VT_API_KEY_FILE names an empty file" in refused({"VT_API_KEY_FILE": str(tmp_path / "empty")})
    assert "VT_API_KEY_FILE cannot be read" in refused({"VT_API_KEY_FILE": str(tmp_path / "binary")})
    assert "both set" in refused({"VT_API_KEY_FILE": "/x", "VT_API_KEY": "canary"})
    (tmp_path / ".env").write_bytes(b"A=\xff\n")
    assert ".env cannot be read" in refused({}, tmp_path / ".env")


def test_no_secret_is_shown():
    """A secret stands in no repr, string or dump of the settings."""
    secrets = SOCKET | {"VT_API_KEY": "canary-4", "DATABASE_URL": "postgresql://u:canary-5@db/x"}
    settings = load(secrets, None)
    for shown in (repr(settings), str(settings), settings.model_dump_json(), str(settings.model_dump())):
        assert "canary" not in shown
    assert isinstance(settings, Settings)
