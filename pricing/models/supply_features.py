"""What the forecast of idle cars looks at, each declared once, for a tick's view and for recorded minutes alike.

    streaming   `seen_in_view`: what stands in the joined streams, idle means from their panes      what a service has
    batch       `seen_in_span`: the definition, straight from recorded minutes                      what training has

No feature is negative and every one counts cars, so that a forecast is a sum of parts of cars: a city twice as large
has the same coefficients. The usual count of a cell is the model's; it is scaled to the level of the surroundings.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from demand.ratio_walk import Active
from pricing.models.supply_forecast import other_busy
from pricing.models.supply_recording import SupplySpan
from pricing.zones.zone_view import ZoneLayout, ZoneView
from windows.hexagons import RING_SIZES
from windows.panes import MINUTE_MS, WINDOWS_MS

SHORT_MIN, LONG_MIN = 8, 32
# Cars beyond these in one cell are a crowd, more than riders there take: fitted evenings keep more of them.
CROWD = 8.0
# So many usual cars weigh as much as the level of the surroundings: near none, a level says little.
LEVEL_PRIOR = 2.0

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SupplySeen:
    """Cars of n cells at one instant, float64[n] each, and where the m cells looked at stand among them.

    `idle_short` and `idle_long` are means over `SHORT_MIN` and `LONG_MIN`, `usual` what the model knows of a cell, 0 of
    one it has not met. `near` names rows; row n counts nothing.
    """

    idle: Floats
    idle_short: Floats
    idle_long: Floats
    busy: Floats
    soon_free: Floats
    usual: Floats
    near: Active

    def own(self, values: Floats) -> Floats:
        """Of the cells looked at, float64[m]."""
        return values[self.near.rows]

    def around(self, values: Floats) -> Floats:
        """Sum over ring 1 of each, float64[m]."""
        padded = np.append(values, 0.0)
        total = padded[self.near.ring_1[:, 0]]
        for place in range(1, RING_SIZES[1]):
            total = total + padded[self.near.ring_1[:, place]]
        return total


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One column: `of` maps what is seen to float64[m], cars."""

    name: str
    doc: str
    of: Callable[[SupplySeen], Floats]


def _level(seen: SupplySeen) -> Floats:
    """Cars now and in the half hour, of the cell and ring 1, over the usual ones; drawn to 1."""
    usual, found = 2.0 * seen.usual, seen.idle + seen.idle_long
    return (_both(seen, found) + LEVEL_PRIOR) / (_both(seen, usual) + LEVEL_PRIOR)


def _both(seen: SupplySeen, values: Floats) -> Floats:
    return seen.own(values) + seen.around(values)


def _others(seen: SupplySeen) -> Floats:
    return other_busy(seen.busy, seen.soon_free)


FEATURES: tuple[Feature, ...] = (
    Feature(name="one", doc="1: what comes where nothing is seen.", of=lambda seen: np.ones(seen.near.rows.size)),
    Feature(name="idle", doc="Idle now.", of=lambda seen: seen.own(seen.idle)),
    Feature(
        name="crowd",
        doc=f"Idle now beyond {CROWD:g}.",
        of=lambda seen: np.maximum(seen.own(seen.idle) - CROWD, 0.0),
    ),
    Feature(name="idle_short", doc=f"Idle, mean of {SHORT_MIN} minutes.", of=lambda seen: seen.own(seen.idle_short)),
    Feature(name="idle_long", doc=f"Idle, mean of {LONG_MIN} minutes.", of=lambda seen: seen.own(seen.idle_long)),
    Feature(name="idle_near", doc="Idle now in ring 1, all six cells.", of=lambda seen: seen.around(seen.idle)),
    Feature(name="soon_free", doc="With a rider, free within five minutes.", of=lambda seen: seen.own(seen.soon_free)),
    Feature(name="soon_free_near", doc="The same in ring 1.", of=lambda seen: seen.around(seen.soon_free)),
    Feature(name="other_busy", doc="Busy and not soon free.", of=lambda seen: seen.own(_others(seen))),
    Feature(name="other_busy_near", doc="The same in ring 1.", of=lambda seen: seen.around(_others(seen))),
    Feature(name="usual", doc="Usually idle in the cell.", of=lambda seen: seen.own(seen.usual)),
    Feature(
        name="usual_at_level",
        doc="Usually idle, times the level of cell and ring 1.",
        of=lambda seen: seen.own(seen.usual) * _level(seen),
    ),
)


def feature_matrix(seen: SupplySeen) -> Floats:
    """All features, float64[m, len(FEATURES)], columns in the order of `FEATURES`."""
    return np.stack([feature.of(seen) for feature in FEATURES], axis=1)


def seen_in_view(view: ZoneView, layout: ZoneLayout, usual: Floats) -> SupplySeen:
    """The home cells of a zone as a tick sees them; `usual` float64[n] by row of the layout."""
    inner = 1 + RING_SIZES[1]
    near = Active(
        rows=np.arange(layout.home), ring_1=layout.neighbours[:, 1:inner], ring_2=layout.neighbours[:, inner:]
    )
    short, long = (WINDOWS_MS.index(minutes * MINUTE_MS) for minutes in (SHORT_MIN, LONG_MIN))
    idle_mean = view.idle_mean()
    return SupplySeen(
        idle=view.idle_total,
        idle_short=idle_mean[:, short],
        idle_long=idle_mean[:, long],
        busy=view.busy,
        soon_free=view.soon_free,
        usual=usual,
        near=near,
    )


def seen_in_span(span: SupplySpan, at: int, usual: Floats, near: Active) -> SupplySeen:
    """The cells `near` at instant number `at` of the span; nothing after it enters."""
    return SupplySeen(
        idle=span.idle[at].astype(np.float64),
        idle_short=_mean_before(span, at, SHORT_MIN),
        idle_long=_mean_before(span, at, LONG_MIN),
        busy=span.busy[at].astype(np.float64),
        soon_free=span.soon_free[at].astype(np.float64),
        usual=usual,
        near=near,
    )


def _mean_before(span: SupplySpan, at: int, minutes: int) -> Floats:
    """Mean of what stood in the minutes before instant `at`, as far as the span reaches; the count now at its start."""
    stood = span.idle[max(0, at - minutes) : at]
    mean: Floats = stood.mean(axis=0) if at else span.idle[at].astype(np.float64)
    return mean
