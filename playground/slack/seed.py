"""The people and channels that a workspace starts with."""

from collections.abc import Iterable
from dataclasses import replace

from playground.slack.records import Channel, Person

TEAM = "T0PLAYGRND"
OTHER_TEAM = "T0ELSEWHER"
ENTERPRISE, ENTERPRISE_NAME = "E0PLAYGRND", "Playground Inc."
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


def people(team: str, number: int) -> Iterable[Person]:
    """The people of a workspace. `number`: a digit in the ids of its own people, by which workspaces are told apart."""
    for person in PEOPLE:
        name = person.id if person in (BOT, SLACKBOT) else numbered(person.id, number)
        yield replace(person, id=name, team=team if person.team == TEAM else person.team)


def numbered(known_id: str, number: int) -> str:
    """The id with another digit in the second place."""
    return f"{known_id[0]}{number}{known_id[2:]}"


def channels(number: int) -> Iterable[Channel]:
    """Two with the bot, one of them shared with another workspace; one private without it; one archived."""
    home = {numbered(name, number) for name in _HOME - {BOT.id}} | {BOT.id}
    ana, admin, stranger = (numbered(name, number) for name in ("U0ANA00001", "U0ADMIN001", "U0STRANGER"))
    yield Channel(numbered("C0GENERAL1", number), "general", set(home), creator=admin)
    yield Channel(numbered("C0INC10420", number), "inc-1042", home | {stranger}, shared=True, creator=ana)
    yield Channel(numbered("C0SECRET01", number), "secret", {ana, admin}, private=True, creator=admin)
    yield Channel(numbered("C0ARCHIVED", number), "old", set(home), archived=True, creator=admin)
