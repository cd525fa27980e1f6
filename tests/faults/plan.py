"""Which faults a run inflicts, in which order and when: a pure function of the seed.

Faults come from a shuffled deck with stated shares, so that short runs meet every kind of server fault and long ones
meet every crash point of every service.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from topics.roles import PRICING_CHAIN, SERVICES

T = TypeVar("T")


class Kind(StrEnum):
    """What is done."""

    KILL = "kill -9"
    COLD = "kill -9 with its keeper"
    TAKEOVER = "kill -9, another takes over"
    POINT = "kill at a point"
    PAUSE = "paused, then continued"
    ZOMBIE = "replaced while paused"
    JOIN = "second worker"
    BROKER = "broker kill -9"
    POSTGRES = "postgres kill -9"
    REGISTRY = "registry kill -9"


DECK = (
    *[Kind.KILL] * 7,
    *[Kind.POINT] * 7,
    *(Kind.COLD, Kind.TAKEOVER, Kind.PAUSE, Kind.ZOMBIE, Kind.JOIN, Kind.BROKER, Kind.POSTGRES, Kind.REGISTRY),
)
SERVERS = {Kind.BROKER: "kafka", Kind.POSTGRES: "postgres", Kind.REGISTRY: "registry"}

_SENDING = {"before-send": 20, "sent": 20, "flushed": 20, "acked": 12, "committing": 4, "committed": 4}
POINTS: dict[str, dict[str, int]] = {
    "supply": _SENDING,
    "demand": _SENDING,
    "pricing": _SENDING | {"row-sending": 3, "row-sent": 3, "table-flushed": 2},
    "quotes": _SENDING,
    "recorder": {"recorded": 8, "acked": 8, "committing": 3, "committed": 3},
}
"""Crash points of each service, and how often one may be passed before it is deadly."""
ZOMBIES = PAIRS = PRICING_CHAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault: `wait_s` after the one before, at the `nth` passing of `point` where there is one.

    `steady` says that the service hit must have written again before the next fault comes.
    """

    kind: Kind
    hit: str
    wait_s: float
    lasts_s: float
    steady: bool
    point: str = ""
    nth: int = 0


def plan(seed: int, kills: int) -> list[Fault]:
    """The faults of a run.

    >>> plan(1, 3) == plan(1, 3), len(plan(1, 30))
    (True, 30)
    """
    dice = random.Random(seed)
    kinds, services, points = _deck(dice, DECK), _deck(dice, SERVICES), _deck(dice, _every_point())
    zombies, pairs = _deck(dice, ZOMBIES), _deck(dice, PAIRS)
    faults = []
    for number in range(kills):
        kind, point, nth = next(kinds), "", 0
        if kind is Kind.POINT:
            hit, point = next(points)
            nth = dice.randint(1, POINTS[hit][point])
        elif kind is Kind.ZOMBIE:
            hit, nth = next(zombies), dice.randint(5, 20)
        elif kind in {Kind.JOIN, Kind.TAKEOVER}:
            hit = next(pairs)
        else:
            hit = SERVERS.get(kind) or next(services)
        lasts_s = dice.uniform(6.0, 9.0) if kind is Kind.PAUSE else dice.uniform(0.5, 3.0)
        faults.append(
            Fault(
                kind=kind,
                hit=hit,
                wait_s=round(dice.uniform(0.0, 2.0), 3),
                lasts_s=round(lasts_s, 3),
                steady=number % 2 == 0,
                point=point,
                nth=nth,
            )
        )
    return faults


def _every_point() -> tuple[tuple[str, str], ...]:
    return tuple((service, point) for service, points in POINTS.items() for point in points)


def _deck(dice: random.Random, cards: tuple[T, ...]) -> Iterator[T]:
    """Cards for ever: each full deck holds each card once, in an order of its own."""
    while True:
        shuffled = list(cards)
        dice.shuffle(shuffled)
        yield from shuffled
