"""Why a multiplier is what it is: every rule that can move it, with the code it leaves in ticks and quotes.

Codes are for ever: a number once given keeps its meaning. `docs/reasons.md` explains each for people, and is tested
against this file.
"""

from enum import IntEnum


class Reason(IntEnum):
    """A rule that moved a multiplier; the name on the wire of quotes is `wire_name`. In the order the rules apply."""

    DEMAND_AND_SUPPLY = 1
    MISSING_DATA = 2
    WARMING_UP = 3
    STALE_DATA = 4
    HYSTERESIS = 5
    RATE_LIMIT = 6
    NEIGHBOUR_STEP = 7
    JURISDICTION_BOUNDS = 8
    EMERGENCY_CAP = 9
    FREEZE = 10
    OVERRIDE = 11
    ROUNDING = 12
    STALE_TICK = 13
    NO_TICK = 14

    @property
    def wire_name(self) -> str:
        """Name in quotes.

        >>> Reason.JURISDICTION_BOUNDS.wire_name
        'jurisdiction-bounds'
        """
        return _NAMES[self]


_NAMES: dict[int, str] = {reason: reason.name.lower().replace("_", "-") for reason in Reason}


def wire_name_of(code: int) -> str:
    """Name of the rule with that code; a code from a newer version reads `rule-<code>`.

    >>> wire_name_of(1), wire_name_of(99)
    ('demand-and-supply', 'rule-99')
    """
    return _NAMES.get(code) or f"rule-{code}"
