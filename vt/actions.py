"""The five documented actions, one row each, with their documented fields.

The parser, help, shortcuts, forms and manifest are made from the rows.
"""

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
    fields: tuple[tuple[str, str], ...]
    """The documented enrichment: each field's label, and the attribute of the report, or the entry of COMPUTED in
    vt/enrichment.py, that has its value."""
    rescans: bool = False
    files: bool = False

    @property
    def needs(self) -> str:
        """What it takes, in short: "ipv4 or ipv6", "path"."""
        return "path" if self.files else " or ".join(sorted(self.kinds))


SCAN = (("Scan date", "scan_date"), ("Scan ID", "scan_id"))
ENGINES = ("Detecting Engines", "detecting_engines")
MESSAGE = ("verbose_msg", "verbose_msg")
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
        fields=(
            ("Country", "country"),
            ("Related Domains", "related_domains"),
            ("Last Scan Date", "newest_evidence"),
            MESSAGE,
            ("Resolutions", "resolved"),
        ),
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
        fields=(
            ("permalink", "permalink"),
            ("sha1", "sha1"),
            ("resource", "resource"),
            *SCAN,
            MESSAGE,
            ("total", "total"),
            ("positives", "positives"),
            ("sha256", "sha256"),
            ("md5", "md5"),
            ENGINES,
        ),
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
        fields=(
            *SCAN,
            ("risk_score", "positives"),
            ("Total", "total"),
            ("Online Link", "permalink"),
            ("Scanned Url", "url"),
            ("resource", "resource"),
            ENGINES,
            ("Risk Score", "score"),
            ("Last Scan Date", "scan_date"),
            MESSAGE,
            ("File Scan ID", "filescan_id"),
        ),
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
        fields=(
            ("Forcepoint ThreatSeeker category", "forcepoint_category"),
            ("BitDefender domain info", "bitdefender_info"),
            ("Categories", "categories"),
            ("BitDefender Category", "bitdefender_category"),
            ("Alexa Category", "alexa_category"),
            ("Alexa domain info", "alexa_info"),
            ("Websense ThreatSeeker category", "websense_category"),
            ("TrendMicro category", "trendmicro_category"),
            ("Opera domain info", "opera_info"),
            ("Webutation domain info", "webutation_info"),
            MESSAGE,
            ("whois", "whois"),
            ("Alexa rank", "alexa_rank"),
            ("WOT domain info", "wot_info"),
            ("Subdomains", "subdomains"),
            ("Resolutions", "resolved"),
            ("Detected URLs", "evidence_url"),
            ("Detected downloaded samples", "evidence_downloaded"),
            ("Detected communicating samples", "evidence_communicating"),
            ("Detected referrer samples", "evidence_referrer"),
            ("Counts", "counts"),
            ("Last Scan Date", "newest_evidence"),
        ),
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
        fields=(
            ("resource", "resource"),
            *SCAN,
            ("permalink", "permalink"),
            ("Total", "total"),
            ("Md5", "md5"),
            ("Sha1", "sha1"),
            ("Sha256", "sha256"),
            ("positives", "positives"),
            ("total", "total"),
            ENGINES,
            MESSAGE,
        ),
        files=True,
    ),
)

BY_KEY = {action.key: action for action in ACTIONS}
FILE = BY_KEY["scan-file"]


def fitting(kind: Kind, actions: Iterable[Action] = ACTIONS) -> Action:
    """The action for a kind of indicator, when nobody named one. Raises StopIteration for a kind that no action takes."""
    return next(action for action in actions if kind in action.kinds)
