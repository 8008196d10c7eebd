"""The one service layer: lookups in, lookups that know more out. Every caller, Slack or not, goes through here."""

from pydantic import BaseModel, ConfigDict


class Lookup(BaseModel):
    """One indicator's or file's way to a finding, as it is stored between two calls."""

    model_config = ConfigDict(frozen=True, extra="forbid")
