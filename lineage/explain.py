"""Why this price: one quote's explanation as JSON, the same for the page, the command and the report.

Nothing is remembered and nothing is decided here: `evidence` gathers the records,
`pricing.explaining.explanation` explains.
"""

from typing import Any

from infra.clients.consumer import Entry
from lineage.evidence import Found
from lineage.shown import shown, shown_entry
from pricing.explaining.explanation import Explanation, explanation_of
from pricing.rules.reasons import wire_name_of
from topics.catalogue import MARKETS, PRICING_POLICY, QUOTE_REQUESTS, QUOTES
from topics.prices import SurgeTicked


def story_of(found: Found) -> dict[str, Any]:
    """Everything about one quote; `gone` says in sentences what can no longer be told."""
    evidence, told = found.evidence, explanation_of(found.evidence)
    quote, place = evidence.quote, evidence.quote_place
    entries = found.entries
    request = entries.get((QUOTE_REQUESTS.name, place.partition, quote.request_offset))
    return {
        "quote": {
            "topic": QUOTES.name,
            "place": f"{place.partition}@{place.offset}",
            "appended_ms": evidence.quote_appended_ms,
            "record": shown(quote),
        },
        "chain": shown(told.chain),
        "waterfall": shown(told.waterfall),
        "request": _maybe(request),
        "policy": _maybe(entries.get((PRICING_POLICY.name, 0, quote.policy_offset))),
        "market": _maybe(entries.get((MARKETS.name, 0, quote.markets_offset))),
        "tick": None if evidence.tick is None else _tick(found, evidence.tick, told),
        "forecast": shown(told.forecast),
        "rings": shown(told.rings),
        "sources": shown(told.sources),
        "gone": told.gone,
    }


def _tick(found: Found, tick: SurgeTicked, told: Explanation) -> dict[str, Any]:
    """What the tick says of the quote's cell, and whether it was computed again to the same."""
    evidence = found.evidence
    quote = evidence.quote
    named = ("now_ms", "data_age_ms", "model", "fallback", "market", "policy_offset", "markets_offset", "models_offset")
    return {
        "place": f"{quote.tick_partition}@{quote.tick_offset}",
        "appended_ms": evidence.tick_appended_ms,
        **shown({name: getattr(tick, name) for name in named}),
        "complete": tick.supply_complete and tick.demand_complete,
        "cell": cell_of(tick, quote.cell, quote.product),
        "recomputed": told.recomputed,
        "differing": told.differing,
    }


def cell_of(tick: SurgeTicked, cell: int, product: str) -> dict[str, Any] | None:
    """What the tick says about one cell and product; None if it says nothing."""
    if cell not in tick.cells or product not in tick.products:
        return None
    place = tick.cells.index(cell) * len(tick.products) + tick.products.index(product)
    moved = zip(tick.reason_at, tick.reason_code, tick.reason_before, tick.reason_after, strict=True)
    return {
        "multiplier_hundredths": tick.multiplier_hundredths[place],
        "smooth_hundredths": tick.smooth_hundredths[place],
        "propensity_hundredths": tick.propensity_hundredths[place],
        "eta_s": tick.eta_s[place],
        "demand_milli": tick.demand_milli[place],
        "supply_milli": tick.supply_milli[place],
        "reasons": [
            {"code": wire_name_of(code), "before_hundredths": before, "after_hundredths": after}
            for at, code, before, after in moved
            if at == place
        ],
    }


def _maybe(entry: Entry | None) -> dict[str, Any] | None:
    return None if entry is None else shown_entry(entry)
