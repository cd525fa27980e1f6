"""What must hold of all topics once a load has been worked off, be it with or without crashes.

Counts of cells are the business of `tests/recount/recount.py`. Here stands what is said once, in which order, and that
nothing named does not exist. Rules are written down anew, from the topics alone.
"""

import json
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import takewhile
from typing import Any

from infra.clients.consumer import Entry
from infra.embedded.stack import EmbeddedStack
from pricing.zones.zone_join import PartitionState, apply_demand, apply_supply
from pricing.zones.zone_rows import restore
from tests.broker import kafka
from tests.broker.services import partitions
from tests.broker.services_load import UNANSWERED_FAULTS
from tests.broker.services_seen import Place, Seen, fault_of, place_of
from tests.recount import lockstep
from topics.catalogue import (
    BOOKING_DECISIONS,
    CITY_DEMAND,
    DEAD_LETTERS,
    DEMAND_CELLS,
    FORECAST_STATE,
    LATE_EVENTS,
    MARKETS,
    MODELS,
    PRICING_POLICY,
    QUOTE_REQUESTS,
    QUOTES,
    RIDE_EVENTS,
    SUPPLY_CELLS,
    SURGE,
)
from topics.events import RideEventKind
from topics.prices import BookingOutcome, QuoteOutcome
from windows.panes import GRACE_MS, PANE_MS

PANES = "faretide-pricing-panes-changelog"
LONGEST_DEADLINE_MS = 30_000
SOUTH_OF_NEW_YORK = 30.0
"""Latitude in degrees: whoever stands below is in no market of these tests."""
TICKS_KNOWN_MS = 30_000

# ---- claims


def dead_letters(seen: Seen) -> Counter[Place]:
    """Return how often each place has a dead letter."""
    return Counter((r.topic, r.partition, r.offset) for topic in DEAD_LETTERS for r in seen.records(topic))


def broken(seen: Seen, since_ms: int = 0) -> set[Place]:
    """Return the places of the records broken on purpose and appended since."""
    pings = seen.pings
    return {
        place_of(entry)
        for topic in (QUOTE_REQUESTS, RIDE_EVENTS)
        for entry in seen.of(topic)
        if fault_of(entry) and entry.timestamp_ms >= since_ms
    } | (set() if pings is None else seen.ping_places(pings.fault & (pings.appended >= since_ms)))


def ledger(seen: Seen) -> Counter[Place]:
    """Return how often each place stands in the ledger of late events."""
    return Counter((r.topic, r.partition, r.offset) for r in seen.records(LATE_EVENTS))


def late(seen: Seen, since_ms: int = 0) -> set[Place]:
    """Return the places of good pings, requests and accepted bookings after their pane's grace, appended since."""
    accepted = [e for e in seen.of(BOOKING_DECISIONS) if e.record.outcome is BookingOutcome.ACCEPTED]
    pings = seen.pings
    return {
        place_of(entry)
        for entry in (*seen.good(QUOTE_REQUESTS), *accepted)
        if entry.timestamp_ms > entry.record.at_ms // PANE_MS * PANE_MS + PANE_MS + GRACE_MS
        and entry.timestamp_ms >= since_ms
    } | (
        set()
        if pings is None
        else seen.ping_places(
            ~pings.fault & (pings.appended >= since_ms) & lockstep.late(pings, pane=PANE_MS, grace=GRACE_MS)
        )
    )


def check_quotes(seen: Seen) -> None:
    """One quote per distinct request id, about the first of its records, and what that one deserves."""
    asked: dict[str, Entry] = {}
    for entry in seen.of(QUOTE_REQUESTS):
        if fault_of(entry) not in UNANSWERED_FAULTS:
            asked.setdefault(entry.record.request_id, entry)
    quotes = seen.of(QUOTES)
    answers = Counter(entry.record.request_id for entry in quotes)
    assert answers.keys() == asked.keys()
    repeated = [(e.partition, e.offset, e.timestamp_ms, e.record) for e in quotes if answers[e.record.request_id] > 1]
    assert not repeated, repeated
    for quote in quotes:
        request = asked[quote.record.request_id]
        assert (quote.partition, quote.record.request_offset) == (request.partition, request.offset)
        assert quote.record.now_ms <= quote.timestamp_ms + 1
        deserved = _deserved(request, quote.record.now_ms)
        assert (quote.record.outcome, quote.record.refusal) == deserved, (deserved, request, quote)


def _deserved(request: Entry, now_ms: int) -> tuple[QuoteOutcome, str]:
    asked = request.record
    refusal = {"from-the-future": "from-the-future", "nowhere": "bad-coordinates"}.get(fault_of(request), "")
    if not refusal and asked.pickup_lat < SOUTH_OF_NEW_YORK:
        refusal = "outside-every-market"
    if not refusal and asked.product in {"", "boat"}:
        refusal = "unknown-product"
    if refusal:
        return QuoteOutcome.REFUSED, refusal
    longest_ms = asked.at_ms + LONGEST_DEADLINE_MS
    deadline_ms = min(asked.deadline_ms or longest_ms, longest_ms)
    return QuoteOutcome.EXPIRED if now_ms > deadline_ms else QuoteOutcome.PRICED, ""


def check_decisions(seen: Seen) -> None:
    """One decision per acceptance, and the right one: a quote is sold once, as quoted, while its lock holds."""
    quotes = {entry.record.quote_id: entry.record for entry in seen.of(QUOTES)}
    decisions = {(e.partition, e.record.acceptance_offset): e.record for e in seen.of(BOOKING_DECISIONS)}
    acceptances = [e for e in seen.good(RIDE_EVENTS) if e.record.kind is RideEventKind.QUOTE_ACCEPTED]
    assert len(decisions) == len(seen.of(BOOKING_DECISIONS))
    assert decisions.keys() == {(e.partition, e.offset) for e in acceptances}
    sold_to: dict[str, str] = {}
    for entry in acceptances:
        event, decision = entry.record, decisions[entry.partition, entry.offset]
        quote, taker = quotes.get(event.quote_id), sold_to.get(event.quote_id, event.ride_id)
        if quote is None:
            expected = "unknown-quote"
        elif taker != event.ride_id:
            expected = "already-decided"
        else:
            expected = "altered" if event.amount_minor != quote.amount_minor else ""
        assert decision.refusal == expected, (entry.partition, entry.offset)
        assert (decision.outcome is BookingOutcome.ACCEPTED) == (not expected)
        if not expected:
            assert (decision.amount_minor, decision.cell) == (quote.amount_minor, quote.cell)
            sold_to[event.quote_id] = event.ride_id


def check_ticks(seen: Seen) -> None:
    """Each tick names records that stood in the log before it; per zone neither epochs nor offsets go back.

    Each names the zone's tick before it, so no price was made without knowing the last one; only after half a minute
    without any may a zone begin anew. What a zombie had underway and the log took after the next epoch began may be
    unknown to that epoch's first ticks, and name later inputs (`_could_know`).
    """
    appended = {place_of(entry): entry.timestamp_ms for entries in seen.entries.values() for entry in entries}
    said: dict[int, list[Entry]] = {}
    for entry in seen.of(SURGE):
        tick, of_zone = entry.record, said.setdefault(entry.record.zone, [])
        before = of_zone[-1] if of_zone else None
        named = {
            (SUPPLY_CELLS.name, entry.partition, tick.supply_offset),
            (DEMAND_CELLS.name, entry.partition, tick.demand_offset),
            (FORECAST_STATE.name, entry.partition, tick.forecast_offset),
            (CITY_DEMAND.name, 0, tick.city_offset),
            (PRICING_POLICY.name, 0, tick.policy_offset),
            (MARKETS.name, 0, tick.markets_offset),
            (MODELS.name, 0, tick.models_offset),
        }
        assert all(appended[place] <= entry.timestamp_ms for place in named if place[2] >= 0), entry
        if tick.previous_offset >= 0 or (before and entry.timestamp_ms - before.timestamp_ms <= TICKS_KNOWN_MS):
            assert any(one.offset == tick.previous_offset for one in of_zone), entry
            assert _unknown(of_zone, tick) == [], entry
        if before:
            assert _progress(before.record) <= _progress(tick)
        known = next((one for one in reversed(of_zone) if _could_know(tick, one)), None)
        if known:
            back = [*zip(_inputs(known.record), _inputs(tick), strict=True)]
            assert all(then <= now for then, now in back), f"inputs of {entry} went back: {back}"
        of_zone.append(entry)
    assert said


def _unknown(of_zone: Sequence[Entry], tick: Any) -> list[int]:
    """Offsets of the zone's ticks after the one `tick` names, but for those it could not know."""
    later = takewhile(lambda one: one.offset > tick.previous_offset, reversed(of_zone))
    return [one.offset for one in later if _could_know(tick, one)]


def _could_know(tick: Any, one: Entry) -> bool:
    """Whether the writer of `tick` could know an earlier one: not that of a replaced writer, come after it began."""
    of_same_epoch = _progress(one.record)[:2] == _progress(tick)[:2]
    return of_same_epoch or one.timestamp_ms < tick.epoch_started_ms


def _progress(tick: Any) -> tuple[int, int, int]:
    return tick.epoch_generation, tick.epoch_started_ms, tick.now_ms


def _inputs(tick: Any) -> tuple[int, ...]:
    return tick.supply_offset, tick.demand_offset, tick.city_offset, tick.forecast_offset


async def check_table(bootstrap: str, seen: Seen) -> None:
    """What PRICING would find after a restart equals its two inputs read from the start, without any crash."""
    count = (await partitions(bootstrap))[SURGE.name]
    changelog = await kafka.read_all(bootstrap, PANES, count)
    for number in range(count):
        rows = {record.key: record.value for record in changelog if record.partition == number}
        kept = restore(number, [(key, row) for key, row in rows.items() if row is not None])
        folded = _folded(number, seen, kept)
        assert kept.zones
        assert kept.zones.keys() == folded.zones.keys()
        for zone in kept.zones.values():
            assert _printed(zone) == _printed(folded.zones[zone.zone])


def _folded(number: int, seen: Seen, kept: PartitionState) -> PartitionState:
    folded = PartitionState(number)
    for topic, apply, end in (
        (SUPPLY_CELLS, apply_supply, kept.supply.applied_offset),
        (DEMAND_CELLS, apply_demand, kept.demand.applied_offset),
    ):
        for entry in seen.of(topic):
            if entry.partition == number and entry.offset <= end:
                apply(folded, entry.record, entry.offset)
    return folded


def _printed(zone: Any) -> dict[str, Any]:
    """The zone's content as plain values."""
    riders: defaultdict[int, dict[int, Any]] = defaultdict(dict)
    for pane, by_source in zone.demand.standing.items():
        for source, counts in by_source.items():
            riders[pane][source] = (counts.order, counts.products, counts.requests.tolist(), counts.bookings.tolist())
    return {
        "offsets": (zone.supply_offset, zone.demand_offset),
        "cars": {s: (c.order, c.products, c.at.tolist(), c.idle_by_product.tolist()) for s, c in zone.cars.items()},
        "idle": {pane: car_ms.tolist() for pane, car_ms in zone.idle_car_ms.items()},
        "riders": dict(riders),
    }


# ---- the recount


def recount(stack: EmbeddedStack, *options: str) -> tuple[int, dict[str, Any]]:
    """Run the independent recount; return its exit status and what it found."""
    servers = ["--bootstrap", stack.bootstrap, "--registry", stack.registry_url]
    done = subprocess.run(
        [sys.executable, str(kafka.ROOT / "tests" / "recount" / "recount.py"), "--json", *servers, *options],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)
