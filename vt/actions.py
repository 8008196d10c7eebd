"""The five documented actions, one row each. The parser, help, shortcuts, forms and manifest are made from them."""

from collections.abc import Iterable
from dataclasses import dataclass

from vt.indicators import Kind
from vt.models import AddressReport, DomainReport, FileReport, Reply, UrlReport

HASHES = frozenset({Kind.MD5, Kind.SHA1, Kind.SHA256})
ADDRESSES = frozenset({Kind.IPV4, Kind.IPV6})
HOST_KINDS = ADDRESSES | {Kind.DOMAIN, Kind.EMAIL}


@dataclass(frozen=True, slots=True)
class Action:
    """Something that the bot can do with an indicator or a file."""

    key: str
    title: str
    kinds: frozenset[Kind]
    threshold: int
    """The default number of engines from which a finding is RISKY. VT_THRESHOLD_<setting> overrides it."""
    setting: str
    script_result: str
    """The documented name of the action's boolean result: is_risky or is_success."""
    example: str
    report: type[Reply]
    """The model of VirusTotal's report."""
    cached_as: str
    """Cached replies are shared by all actions with the same value."""
    rescans: bool = False
    files: bool = False

    @property
    def needs(self) -> str:
        """What it takes, in short: "ipv4 or ipv6", "path"."""
        return "path" if self.files else " or ".join(sorted(self.kinds))


ACTIONS: tuple[Action, ...] = (
    Action(
        key="scan-ip",
        title="Scan IP",
        kinds=ADDRESSES,
        threshold=25,
        setting="IP",
        script_result="is_success",
        example="192.0.2.1",
        report=AddressReport,
        cached_as="ip",
    ),
    Action(
        key="scan-hash",
        title="Scan Hash",
        kinds=HASHES,
        threshold=3,
        setting="HASH",
        script_result="is_risky",
        example="44d88612fea8a8f36de82e1278abb02f",
        report=FileReport,
        cached_as="file",
        rescans=True,
    ),
    Action(
        key="scan-url",
        title="Scan URL",
        kinds=frozenset({Kind.URL}),
        threshold=3,
        setting="URL",
        script_result="is_risky",
        example="hxxp://example[.]php",
        report=UrlReport,
        cached_as="url",
        rescans=True,
    ),
    Action(
        key="domain-report",
        title="Get Domain Report",
        kinds=frozenset({Kind.DOMAIN, Kind.EMAIL}),
        threshold=25,
        setting="DOMAIN",
        script_result="is_success",
        example="example.co.in",
        report=DomainReport,
        cached_as="domain",
    ),
    Action(
        key="scan-file",
        title="Upload and Scan File",
        kinds=frozenset(),
        threshold=3,
        setting="FILE",
        script_result="is_risky",
        example="/srv/samples/invoice.zip",
        report=FileReport,
        cached_as="file",
        files=True,
    ),
)

BY_KEY = {action.key: action for action in ACTIONS}
FILE = BY_KEY["scan-file"]


def fitting(kind: Kind, actions: Iterable[Action] = ACTIONS) -> Action:
    """The action for a kind of indicator, when nobody named one. Raises StopIteration for a kind that no action takes."""
    return next(action for action in actions if kind in action.kinds)
