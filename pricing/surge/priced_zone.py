"""Everything about pricing a zone that only changes with its market and policy: rows, bounds, overrides, neighbours."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pricing.rules.markets import Market
from pricing.rules.policy import UNMOVED, Policy
from pricing.surge.guardrails import within
from pricing.zones.zone_view import ZoneLayout, layout_of

# How high the best multiplier is looked for where caps are lower; the caps then say what they took away.
HIGHEST_WANTED = 400


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PricedZone:
    """The n cells of a zone that are inside the market, ascending, with P products.

    `rows` int64[n] in the layout; `floor`, `cap` int64[n, 1] of each cell's jurisdiction, the emergency cap apart;
    `adjacent` int64[n, 6] neighbours among these cells under the same bounds, n where there is none;
    `by_hand` bool[n, P] where an override is set, `overrides` int64[n, P] what it comes to within all bounds. The best
    multiplier is looked for from `lowest` to `highest`.
    """

    layout: ZoneLayout
    market: Market
    policy: Policy
    cells: NDArray[np.int64]
    rows: NDArray[np.int64]
    floor: NDArray[np.int64]
    cap: NDArray[np.int64]
    adjacent: NDArray[np.int64]
    by_hand: NDArray[np.bool_]
    overrides: NDArray[np.int64]
    lowest: int
    highest: int

    @property
    def emergency_cap(self) -> int | None:
        """The cap over everything, hundredths; None if none is set."""
        return self.policy.rules.emergency_cap_hundredths


@lru_cache(4096)
def priced_zone(zone: int, market: Market, policy: Policy) -> PricedZone:
    """The zone as this version of market and policy sees it; remembered per version."""
    layout = layout_of(zone)
    inside = [row for row, cell in enumerate(layout.home_cells.tolist()) if cell in market.jurisdiction_of]
    rows = np.array(inside, np.int64)
    cells = layout.home_cells[rows]
    jurisdictions = [market.jurisdiction_of[cell] for cell in cells.tolist()]
    bounds = [policy.bounds.get(name, (100, 100)) for name in jurisdictions]
    # Copied: of arrays with gaps compiled loops would be compiled once more, and a tick would wait for it.
    floor, cap = np.array(bounds, np.int64).reshape(-1, 2, 1).transpose(1, 0, 2).copy()
    set_to = [[policy.override_of(cell, product) or 0 for product in market.product_ids] for cell in cells.tolist()]
    overrides = np.array(set_to, np.int64).reshape(rows.size, len(market.products))
    return PricedZone(
        layout=layout,
        market=market,
        policy=policy,
        cells=cells,
        rows=rows,
        floor=floor,
        cap=cap,
        adjacent=_adjacent(layout, rows, bounds),
        by_hand=overrides != 0,
        overrides=within(overrides, floor, cap, policy.rules.emergency_cap_hundredths),
        lowest=min([UNMOVED, *(low for low, _ in bounds)]),
        highest=max([HIGHEST_WANTED, *(high for _, high in bounds)]),
    )


def _adjacent(layout: ZoneLayout, rows: NDArray[np.int64], bounds: list[tuple[int, int]]) -> NDArray[np.int64]:
    """Ring 1 of each row, renumbered to positions in `rows`; what is not among them becomes the spare position.

    So does a cell under other bounds: it would carry them into its neighbours.
    """
    position = np.full(layout.cells.size + 1, rows.size, np.int64)
    position[rows] = np.arange(rows.size)
    adjacent = position[layout.neighbours[rows, 1:7]]
    numbers = {bound: number for number, bound in enumerate(dict.fromkeys(bounds))}
    number_of = np.array([*(numbers[bound] for bound in bounds), -1], np.int64)
    adjacent[number_of[adjacent] != number_of[:-1, None]] = rows.size
    return adjacent
