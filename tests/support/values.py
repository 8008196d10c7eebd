"""Indicators of every kind, as hypothesis makes them up, and what is found in a text."""

from hypothesis import strategies as st

from vt import extract

_LABEL = "[a-z]([a-z0-9-]{0,8}[a-z0-9])?"

HOSTS = st.from_regex(rf"{_LABEL}(\.{_LABEL})?\.(com|net|ru|co\.uk|онлайн)", fullmatch=True)
PATHS = st.from_regex(r"(/[a-z0-9._~%-]{0,9}){1,3}(\?[a-z]=[a-z0-9.@]{0,9})?", fullmatch=True)
LOCALS = st.from_regex(r"[a-z][a-z0-9_+-]{0,9}[a-z0-9](\.[a-z]{1,9})?", fullmatch=True)
VALUES = st.one_of(
    HOSTS,
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(str),
    st.builds("{}@{}".format, LOCALS, HOSTS),
    st.builds("{}://{}{}".format, st.sampled_from(["http", "https", "ftp"]), HOSTS, PATHS),
    st.from_regex(r"[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}", fullmatch=True),
)


def found(text):
    """What is found in a text, as `kind value`."""
    return [f"{indicator.kind} {indicator.value}" for indicator in extract(text)]
