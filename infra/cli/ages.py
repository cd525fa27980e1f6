"""Ages as people write them on the command line: a whole number and its unit."""

import re

_AGE = re.compile(r"(\d+)(ms|s|m|h|d)")
_UNIT_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def age_ms(text: str) -> int | None:
    """Milliseconds of an age such as 500ms, 90s, 10m, 1h or 2d; None if `text` is none.

    >>> age_ms("10m"), age_ms("10")
    (600000, None)
    """
    found = _AGE.fullmatch(text)
    return int(found[1]) * _UNIT_MS[found[2]] if found else None
