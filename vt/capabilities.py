"""What may still be done with a finding at VirusTotal: submit, upload, rescan, read comments. Pure."""

from vt.actions import HASHES
from vt.indicators import Kind
from vt.lookup import NEVER_SENT
from vt.verdict import Finding, State

COMMENTED = HASHES | {Kind.URL}
"""What VirusTotal's API v2 keeps comments on (comments/get takes hashes and URLs)."""


def can_send(finding: Finding) -> bool:
    """Whether VirusTotal may be told of it at all: not internal, and no secret in it."""
    return not isinstance(finding.error, NEVER_SENT)


def can_submit(finding: Finding) -> bool:
    """Whether it is a URL that VirusTotal does not know, which a person may have scanned."""
    is_url = finding.indicator is not None and finding.indicator.kind is Kind.URL
    return is_url and finding.state is State.UNKNOWN


def can_upload(finding: Finding) -> bool:
    """Whether it is a file that VirusTotal knows, and that may be analysed again by uploading it."""
    return finding.action.files and _is_known(finding)


def can_rescan(finding: Finding, *, private_key: bool) -> bool:
    """Whether VirusTotal knows it and may analyse it again: URLs with any key, files with a private one."""
    kind = finding.indicator.kind if finding.indicator else None
    if kind is Kind.URL:
        # A URL that no engine has looked at is submitted, like one that VirusTotal does not know.
        return finding.rule is not None and can_send(finding)
    return kind in HASHES and private_key and _is_known(finding)


def has_comments(finding: Finding) -> bool:
    """Whether VirusTotal may have comments on it. Asking for them costs a call."""
    kind = finding.indicator.kind if finding.indicator else None
    return kind in COMMENTED and finding.raw is not None and can_send(finding)


def _is_known(finding: Finding) -> bool:
    """Whether VirusTotal has it and is not analysing it now, even if no engine has looked at it yet."""
    has_report = getattr(finding.report, "response_code", 0) == 1
    return finding.rule is not None or (has_report and finding.state is State.UNKNOWN)
