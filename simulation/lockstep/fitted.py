"""What the rival policies were tuned to, on seeds of their own: `faretide simulate --tune` gives these values.

A fixed price knows the hour of the week and nothing of the day; a ratio rule is one for all hours. `ratio` was tuned on
hours as everybody expects them, as an operator could; `ratio-oracle` on the very shocks of the tables.
"""

from dataclasses import dataclass

# No seed of a table is one of these.
TUNING_SEEDS = (9_001, 9_002, 9_003, 9_004)
STATIC_GRID = tuple(range(100, 165, 5))


@dataclass(frozen=True, slots=True, kw_only=True)
class RatioRule:
    """multiplier = 1 + slope x (requests of five minutes per available car - free) above `free`, hundredths grid."""

    free: float
    slope: float


RATIO_FREE = (0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
RATIO_SLOPE = (0.015625, 0.03125, 0.0625, 0.125, 0.25, 0.5, 1.0)
RATIO_START = RatioRule(free=1.5, slope=0.25)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """`static_hundredths` by local weekday and hour such as `Tue 14`; one ratio rule of either kind."""

    static_hundredths: dict[str, int]
    ratio: RatioRule
    ratio_oracle: RatioRule


FITTED = Fitted(
    static_hundredths={"Tue 14": 100, "Sat 22": 100, "Wed 18": 100, "Fri 19": 105, "Thu 18": 100, "Thu 00": 105},
    ratio=RatioRule(free=4.0, slope=0.0625),
    ratio_oracle=RatioRule(free=3.0, slope=0.0625),
)
