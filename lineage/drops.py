"""When quotes or acceptance drop: since when, and which node upstream moved first.

    priced, fresh, accepted  ──  counted a second by the quotes service; a drop is a fall of the last 20 s against the
                                 minutes before that chance does not explain
    the drop  ──upstream──>  every measure of every node before it; who left its usual range first is named, with all
                             who followed, in order

A rise of the usual (a busier evening) is no drop, and neither is a night that grows quiet slowly.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import sqrt
from typing import Any

from lineage.samples import WorkerSamples
from lineage.trends import Measure, Move, Trends, first_of
from pricing.quotes.quoted_multiplier import NO_TICK, STALE_TICK

ANSWERS, DECISIONS = "quotes.v1", "booking-decisions.v1"
OUTCOMES: Mapping[str, str] = {
    "priced": "Priced quotes a second",
    "fresh": "Quotes a second priced on a fresh tick",
    "accepted": "Acceptances of 100 priced quotes",
}
RECENT_S, USUAL_S = 20, 240
LEAST_USUAL_S = 40
"""A usual rate is judged from so many seconds at least."""
KEPT_SHARE = 0.6
UNLIKELY = 4.5
"""A drop is a fall below this share of the usual, by this many deviations of a count."""
LASTS_MS = 3_600_000
"""A rate that has been low for so long is the usual one."""
LOOK_BACK_MS = 90_000
"""Whoever moved so long before the drop may have caused it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """A fall of one outcome, with the rates before and since; `first` is who moved first, `trail` all who moved."""

    outcome: str
    at_ms: int
    before: float
    after: float
    first: Move | None = None
    trail: tuple[Move, ...] = ()


@dataclass(slots=True)
class Drops:
    """What quotes and acceptance did, second by second, and the drop that lasts."""

    trends: Trends = field(default_factory=Trends)
    current: dict[str, Drop] = field(default_factory=dict)
    _counts: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    _counters: dict[tuple[str, float], Mapping[str, float]] = field(default_factory=dict)

    def watched(self, now_ms: int, values: Mapping[str, Any], workers: Iterable[WorkerSamples]) -> None:
        """Take in the graph of one instant, as board values, and the workers of QUOTES then."""
        self.trends.measured(now_ms, measures_of(values, now_ms))
        for outcome, count in self._counted(workers).items():
            counts = [*self._counts.get(outcome, []), (now_ms, count)]
            self._counts[outcome] = counts[-(USUAL_S + RECENT_S) :]
        self._judge(now_ms, values)

    def _counted(self, workers: Iterable[WorkerSamples]) -> dict[str, float]:
        """What the workers known at the last call counted since; empty if there are none.

        A worker met for the first time, or again after it was forgotten, has counted since its own start.
        """
        before, self._counters = self._counters, {}
        for worker in workers:
            name, gauges = worker.newest.worker, worker.newest.gauges
            if counters := counters_of(gauges):
                self._counters[name, gauges.get("started_ms", 0.0)] = counters
        known = [(before[process], after) for process, after in self._counters.items() if process in before]
        return {name: sum(max(0.0, new[name] - old[name]) for old, new in known) for name in OUTCOMES if known}

    def _judge(self, now_ms: int, values: Mapping[str, Any]) -> None:
        for outcome in OUTCOMES:
            counts, of = self._counts.get(outcome, []), self._counts.get("priced", [])
            known = self.current.get(outcome)
            if known is not None and now_ms - known.at_ms > LASTS_MS:
                known = None
            found = fallen(counts, of if outcome == "accepted" else None, before=known.before if known else None)
            if found is None:
                self.current.pop(outcome, None)
                continue
            before, after = found
            at_ms = known.at_ms if known else now_ms - RECENT_S * 1000
            self.current[outcome] = self._traced(Drop(outcome=outcome, at_ms=at_ms, before=before, after=after), values)

    def _traced(self, drop: Drop, values: Mapping[str, Any]) -> Drop:
        """The drop with who moved, first of all upstream."""
        distance = upstream_of(DECISIONS if drop.outcome == "accepted" else ANSWERS, values)
        from_ms = max(drop.at_ms - LOOK_BACK_MS, self.trends.began_ms + LEAST_USUAL_S * 1000)
        moves = (
            self.trends.move_of(measure, from_ms=from_ms) for measure in self.trends.series if measure[0] in distance
        )
        trail = sorted((move for move in moves if move is not None), key=lambda move: move.at_ms)
        return Drop(
            outcome=drop.outcome,
            at_ms=drop.at_ms,
            before=drop.before,
            after=drop.after,
            first=first_of(trail, distance),
            trail=tuple(trail[:12]),
        )

    def rows(self) -> dict[str, Any]:
        """Board values `drop/<outcome>` of what lasts now."""
        return {f"drop/{name}": _shown(drop, self.trends) for name, drop in self.current.items()}


def counters_of(gauges: Mapping[str, float]) -> dict[str, float]:
    """Counters since start that a QUOTES worker tells: priced, of these on a fresh tick, and accepted."""
    if "quotes.priced" not in gauges and "quotes.expired" not in gauges:
        return {}
    priced = gauges.get("quotes.priced", 0.0)
    stale = sum(gauges.get(f"quote_fallbacks.{reason}", 0.0) for reason in (NO_TICK, STALE_TICK))
    return {"priced": priced, "fresh": priced - stale, "accepted": gauges.get("bookings.accepted", 0.0)}


def fallen(
    counts: list[tuple[int, float]], of: list[tuple[int, float]] | None, *, before: float | None
) -> tuple[float, float] | None:
    """Rate before and since if the last `RECENT_S` seconds fell off; None if they did not, or it cannot be judged.

    With `of` the rate is per hundred of those counts. `before` is the usual of a drop that lasts already: it is over
    when two thirds of the way back are made, not when the fallen rate has become usual itself.

    >>> usual, gone = [(s, 10.0) for s in range(200)], [(200 + s, 1.0) for s in range(20)]
    >>> fallen(usual + gone, None, before=None), fallen(usual, None, before=None)
    ((10.0, 1.0), None)
    """
    recent, usual = counts[-RECENT_S:], counts[:-RECENT_S]
    if before is None and len(usual) < LEAST_USUAL_S:
        return None
    many, wide = sum(value for _, value in recent), float(len(recent))
    usually, widely = sum(value for _, value in usual), float(max(len(usual), 1))
    if of is not None:
        wide, widely = sum(v for _, v in of[-RECENT_S:]) / 100, max(sum(v for _, v in of[:-RECENT_S]) / 100, 0.01)
        if not wide:
            return None
    rate = before if before is not None else usually / widely
    expected = rate * wide
    gone = many < expected * (KEPT_SHARE if before is None else 0.85)
    return (
        (rate, many / wide)
        if gone and (expected - many) / sqrt(max(expected, 1.0)) > UNLIKELY / 1.5 ** (before is not None)
        else None
    )


def measures_of(values: Mapping[str, Any], now_ms: int) -> dict[Measure, float]:
    """What is measured of each node of the graph, as numbers with one meaning each."""
    found: dict[Measure, float] = {}
    for key, node in values.items():
        if not key.startswith("node/"):
            continue
        name = node["name"]
        if node["kind"] == "topic":
            found[name, "rate"] = node["rate"]
        elif node["kind"] == "service" and node["heard_ms"]:
            found[name, "silent"] = max(0, now_ms - node["heard_ms"]) / 1000
            found[name, "read"] = node["read_rate"]
            found[name, "behind"] = node["behind_ms"] / 1000
            found[name, "busy"] = node["busy"]
            for latency, (_, high) in node["latency_ms"].items():
                if latency in {"tick_ms", "quote_ms"}:
                    found[name, latency] = high if high >= 0 else 10_000.0
    return found


def upstream_of(name: str, values: Mapping[str, Any]) -> dict[str, int]:
    """Every node from which something flows to `name`, and how many steps away; `name` itself is 0 away."""
    edges = [value for key, value in values.items() if key.startswith("edge/")]
    found, turn = {name: 0}, [name]
    while turn:
        at = turn.pop(0)
        before = (edge["from"] for edge in edges if edge["to"] == at)
        for one in before:
            if one not in found:
                found[one] = found[at] + 1
                turn.append(one)
    return found


def _shown(drop: Drop, trends: Trends) -> dict[str, Any]:
    return {
        "outcome": drop.outcome,
        "words": OUTCOMES[drop.outcome],
        "at_ms": drop.at_ms,
        "before": round(drop.before, 2),
        "after": round(drop.after, 2),
        "first": None if drop.first is None else _move(drop.first) | _past(drop.first, trends),
        "trail": _moves(drop.trail),
    }


def _past(move: Move, trends: Trends) -> dict[str, Any]:
    return {"values": [round(value, 2) for value in trends.last((move.node, move.measure), 180)]}


def _moves(moves: Iterable[Move]) -> list[dict[str, Any]]:
    return [_move(move) for move in moves]


def _move(move: Move) -> dict[str, Any]:
    shown = {"before": round(move.before, 2), "after": round(move.after, 2)}
    return {"node": move.node, "measure": move.measure, "at_ms": move.at_ms, **shown}
