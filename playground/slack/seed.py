"""The people and channels that a workspace starts with."""

from playground.slack.records import Channel, Person

TEAM = "T0PLAYGRND"
OTHER_TEAM = "T0ELSEWHER"
APP = "A0VTBOT001"
BOT = Person("U0VTBOT001", "vt", "VirusTotal", TEAM, bot_id="B0VTBOT001")
SLACKBOT = Person("USLACKBOT", "slackbot", "Slackbot", TEAM, bot_id="B0SLACKBOT")

PEOPLE = (
    BOT,
    SLACKBOT,
    Person("U0ANA00001", "ana", "Ana Marić", TEAM),
    Person("U0BEN00001", "ben", "Ben Okafor", TEAM),
    Person("U0ADMIN001", "admin", "Ida Admin", TEAM, admin=True),
    Person("U0GUEST001", "guest", "Gus Guest", TEAM, guest=True),
    Person("U0STRANGER", "stranger", "Sam Stranger", OTHER_TEAM),
    Person("U0HANA0001", "hana", "Hana Sato", TEAM, locale="ja-JP"),
    Person("U0LUCIA001", "lucia", "Lucía Gómez", TEAM, locale="es-ES"),
    Person("U0OTHERBOT", "otherbot", "Ticket Bot", TEAM, bot_id="B0OTHERBOT"),
)
_HOME = {person.id for person in PEOPLE if person.team == TEAM and person is not SLACKBOT}


def channels() -> tuple[Channel, ...]:
    """Two with the bot, one of them shared with another workspace; one private without it; one archived."""
    return (
        Channel("C0GENERAL1", "general", set(_HOME), creator="U0ADMIN001"),
        Channel("C0INC10420", "inc-1042", _HOME | {"U0STRANGER"}, shared=True, creator="U0ANA00001"),
        Channel("C0SECRET01", "secret", {"U0ANA00001", "U0ADMIN001"}, private=True, creator="U0ADMIN001"),
        Channel("C0ARCHIVED", "old", set(_HOME), archived=True, creator="U0ADMIN001"),
    )
