"""The incidents that `faretide up --incident` knows, apart from what they need to happen: help must load nothing."""

from enum import StrEnum


class Incident(StrEnum):
    """What goes wrong."""

    STALE_SUPPLY = "stale-supply"
    BAD_SCHEMA = "bad-schema"
    SLOW_PRICING = "slow-pricing"
    NONE = "none"
