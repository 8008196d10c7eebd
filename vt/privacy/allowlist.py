"""Indicators that are not looked up automatically, or never: internal domains, examples, and hosts everybody knows."""

from collections.abc import Collection
from dataclasses import dataclass

from vt.indicators import Indicator, Kind, host_of

INCIDENT_TOOLS = frozenset(
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
"""Services where incidents are discussed and tracked: a link there, or below, is no indicator of the incident."""
EVERYDAY_HOSTS = frozenset(
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
"""Hosts that say nothing by themselves. A URL there may still be malicious, and is looked up."""
DOCUMENTATION = ("192.0.2.", "198.51.100.", "203.0.113.", "2001:db8:")
"""Address prefixes for documentation (RFC 5737, RFC 3849)."""


@dataclass(frozen=True, slots=True)
class InternalDomains:
    """The organisation's own domains. They and all their subdomains are never sent to VirusTotal."""

    domains: frozenset[str] = frozenset()

    def __call__(self, indicator: Indicator) -> bool:
        """Is its host one of them, or below one?"""
        return is_within(_host(indicator), self.domains)


def never_internal(_: Indicator) -> bool:
    """Without internal domains, nothing is internal."""
    return False


def is_well_known(indicator: Indicator) -> bool:
    """Would nobody look it up? True for addresses of examples and for hosts that everybody knows."""
    host = _host(indicator)
    if host.startswith(DOCUMENTATION) or is_within(host, INCIDENT_TOOLS):
        return True
    return indicator.kind is not Kind.URL and host in EVERYDAY_HOSTS


def is_within(host: str, domains: Collection[str]) -> bool:
    """Is the host one of these domains, or a subdomain of one?"""
    labels = host.split(".")
    return any(".".join(labels[start:]) in domains for start in range(len(labels)))


def _host(indicator: Indicator) -> str:
    """Its host in lower case; "" for a hash."""
    host = host_of(indicator)
    return host.value if host else ""
