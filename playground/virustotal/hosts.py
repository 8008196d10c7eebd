"""domain/report and ip-address/report: recorded, documented or invented; a "not found" echoes nothing."""

import ipaddress

from playground.virustotal import documented, host_reports, replies
from playground.virustotal.recordings import Recording
from playground.virustotal.state import State


def domain(state: State, wanted: str) -> replies.Reply | Recording:
    """The reply of domain/report."""
    name = wanted.strip().lower().rstrip(".")
    if recorded := state.recordings.get("domain/report", name):
        return recorded
    if name in documented.DOMAINS:
        return documented.DOMAINS[name]
    if "." not in name or state.never_seen(name):
        return replies.NO_DOMAIN
    return host_reports.domain(name, state.today)


def address(state: State, wanted: str) -> replies.Reply | Recording:
    """The reply of ip-address/report. v2 calls an IPv6 address invalid."""
    try:
        ip = str(ipaddress.IPv4Address(wanted.strip()))
    except ValueError:
        return replies.BAD_ADDRESS
    if recorded := state.recordings.get("ip-address/report", ip):
        return recorded
    if ip in documented.ADDRESSES:
        return documented.ADDRESSES[ip]
    if state.never_seen(ip):
        return replies.NO_ADDRESS
    return host_reports.address(ip, state.today)
