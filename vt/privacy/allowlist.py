"""What is nobody else's business, and what nobody needs to ask about: told by the host."""

from collections.abc import Collection
from dataclasses import dataclass

from vt.indicators import Indicator, Kind, host_of

WELL_KNOWN = frozenset(
    {
        *("slack.com", "slack-edge.com", "slack-files.com", "virustotal.com"),
        *("zoom.us", "webex.com", "whereby.com", "meet.google.com", "teams.microsoft.com", "teams.live.com"),
        *(
            "atlassian.net",
            "statuspage.io",
            "pagerduty.com",
            "opsgenie.com",
            "servicenow.com",
            "datadoghq.com",
        ),
        *("splunkcloud.com", "sentry.io", "grafana.net", "mitre.org", "cisa.gov", "nist.gov", "first.org"),
    }
)
"""Where incidents are talked about and looked up: nothing below them says anything about an incident."""
EVERYBODYS = frozenset(
    {
        *("google.com", "gmail.com", "youtube.com", "microsoft.com", "outlook.com", "office.com", "live.com"),
        *(
            "apple.com",
            "icloud.com",
            "amazon.com",
            "aws.amazon.com",
            "github.com",
            "gitlab.com",
            "linkedin.com",
        ),
        *(
            "facebook.com",
            "wikipedia.org",
            "mozilla.org",
            "cloudflare.com",
            "debian.org",
            "ubuntu.com",
            "python.org",
        ),
    }
)
"""Names that everybody knows. A URL there can still be bad; the bare name says nothing."""
DOCUMENTATION = ("192.0.2.", "198.51.100.", "203.0.113.", "2001:db8:")
"""RFC 5737 and 3849: addresses of examples."""


@dataclass(frozen=True, slots=True)
class Ours:
    """The domains of one's own, with all below them: never sent to anyone, whoever asks."""

    domains: frozenset[str] = frozenset()

    def __call__(self, indicator: Indicator) -> bool:
        """Whether it is about one of them."""
        return below(_host(indicator), self.domains)


def commonplace(indicator: Indicator) -> bool:
    """Whether nobody would ask: documentation, and hosts that everybody knows."""
    host = _host(indicator)
    if host.startswith(DOCUMENTATION) or below(host, WELL_KNOWN):
        return True
    return indicator.kind is not Kind.URL and host in EVERYBODYS


def below(host: str, domains: Collection[str]) -> bool:
    """Whether a host is one of these domains or stands below one."""
    labels = host.split(".")
    return any(".".join(labels[start:]) in domains for start in range(len(labels)))


def _host(indicator: Indicator) -> str:
    """In lower case; nothing for a hash."""
    host = host_of(indicator)
    return host.value if host else ""
