"""Marks of the time line: when policy, market or model were set, and when workers began, a deployment above all.

The control topics tell the first three. Of workers, telemetry tells when each process began and what it runs; processes
that are gone are found by looking at a few moments of the past.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from infra.clients.consumer import Entry
from lineage.reader import Reader
from topics.catalogue import MARKETS, MODELS, PRICING_POLICY, TELEMETRY
from topics.ledger import TelemetrySampled

CONTROL = (PRICING_POLICY, MARKETS, MODELS)
NAMED = {PRICING_POLICY.name: "policy", MARKETS.name: "market", MODELS.name: "model"}
MOST = 200
MOMENTS = 24
MOMENT_MS = 1_500


@dataclass(slots=True)
class Marks:
    """What is known of the past; asked again, only what is new is read."""

    reader: Reader
    _control: dict[str, dict[str, Any]] = field(default_factory=dict)
    _ends: dict[tuple[str, int], int] = field(default_factory=dict)
    _began: dict[tuple[str, int], dict[str, Any]] = field(default_factory=dict)
    _looked: set[int] = field(default_factory=set)

    async def between(self, from_ms: int, to_ms: int) -> list[dict[str, Any]]:
        """Marks of that span, oldest first. Raises UnreachableError."""
        await self._read_control(to_ms)
        await self._read_telemetry(from_ms, to_ms)
        every = [*self._control.values(), *self._began.values()]
        return sorted((mark for mark in every if from_ms <= mark["at_ms"] <= to_ms), key=lambda mark: mark["at_ms"])

    async def _read_control(self, to_ms: int) -> None:
        ends = await self.reader.ends_at(CONTROL, to_ms)
        if ends == self._ends:
            return
        for entry in await self.reader.between(CONTROL, 0, to_ms, most=MOST):
            name = (entry.key or b"").decode(errors="replace")
            mark = {"at_ms": entry.timestamp_ms, "kind": NAMED[entry.topic.name], "name": name}
            place = f"{entry.partition}@{entry.offset}"
            self._control[entry.topic.name + place] = mark | {"topic": entry.topic.name, "place": place}
        self._ends = ends

    async def _read_telemetry(self, from_ms: int, to_ms: int) -> None:
        for at_ms in moments(from_ms, to_ms):
            if at_ms not in self._looked:
                self.told(await self.reader.between([TELEMETRY], at_ms - MOMENT_MS, at_ms, most=MOST))
                self._looked.add(at_ms)

    def told(self, entries: Iterable[Entry]) -> None:
        """Take in records of telemetry.v1, in any order."""
        self.heard(entry.record for entry in entries if entry.record is not None)

    def heard(self, samples: Iterable[TelemetrySampled]) -> None:
        """Take in what workers told, such as those live now, in any order."""
        for sample in samples:
            began_ms = int(sample.gauges.get("started_ms", 0))
            if began_ms:
                runs = ", ".join(f"{what} {version}" for what, version in sorted(sample.versions.items()))
                about = {"kind": "deploy", "name": sample.service, "worker": sample.worker, "runs": runs}
                self._began[sample.worker, began_ms] = {"at_ms": began_ms, **about}


def moments(from_ms: int, to_ms: int) -> list[int]:
    """Round instants inside the span, at most `MOMENTS`, the same for spans that overlap.

    >>> moments(0, 3_600_000)[:3], len(moments(0, 86_400_000))
    ([300000, 600000, 900000], 17)
    """
    step = 300_000
    while (to_ms - from_ms) // step > MOMENTS:
        step *= 2
    return list(range((from_ms // step + 1) * step, to_ms, step))
