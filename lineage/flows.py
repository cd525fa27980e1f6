"""The lineage graph: who writes which topic, who reads it, how much, how late, and what is wrong.

Nodes and edges come from the catalogue, which declares each topic's writer and readers, and from telemetry, which tells
what workers really read and wrote; an edge nobody declared is drawn as such. What has no telemetry (apps, operators) is
outside and known by the `ce_source` of its records.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from lineage.badges import ServiceHealth, TopicHealth, badges_of_service, badges_of_topic
from lineage.ends import Ends, Pauses
from lineage.lasting import Lasting
from lineage.samples import KEPT_MS, Samples, WorkerSamples, flow_of, gauges_of, quantiles_of, stands_at
from topics.catalogue import EVERY_TOPIC, Topic
from topics.roles import PRICING_CHAIN

RATE_OVER_MS = 5_000
TREND_MS = 60_000
ALL_SILENT_MS = 20_000
"""When nobody at all reports, machine or broker stand still: so long silence is judged by the last word of anyone."""
EVERY_SERVICE = "every service"
SOURCES_KEPT = 20
SOURCE_CHARACTERS = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Newest:
    """The youngest record seen of a topic: event time (0 if it has none), append time, and where it came from."""

    at_ms: int
    appended_ms: int
    source: str


@dataclass(slots=True)
class Flows:
    """Everything the graph is drawn from."""

    topics: tuple[Topic, ...] = EVERY_TOPIC
    ends: Ends = field(default_factory=Ends)
    samples: Samples = field(default_factory=Samples)
    newest: dict[str, Newest] = field(default_factory=dict)
    sources: dict[str, dict[str, int]] = field(default_factory=dict)
    begins: dict[tuple[str, int], int] = field(default_factory=dict)
    problems: dict[tuple[str, str], deque[int]] = field(default_factory=dict)
    """Append times of the last minute's troubles, by the topic they were about and kind: `refused` or `late`."""
    lasting: Lasting | None = field(default_factory=Lasting)
    """What keeps short faults from being shown; None where one instant is all that is known."""
    began_ms: int = 0
    """When watching began; until workers had time to report, silence means nothing."""
    behind: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    """(when, milliseconds behind) of each service over the last minute, for the trend."""

    def saw(self, topic: str, newest: Newest) -> None:
        """Take note of a record looked at in passing."""
        known = self.newest.get(topic)
        if known is None or newest.appended_ms >= known.appended_ms:
            self.newest[topic] = newest
        if newest.source:
            # Anybody can write a name of his own at every record: the newest are kept, last heard at the end.
            heard = self.sources.setdefault(topic, {})
            source = newest.source[:SOURCE_CHARACTERS]
            heard.pop(source, None)
            heard[source] = newest.appended_ms
            if len(heard) > SOURCES_KEPT:
                del heard[next(iter(heard))]

    def troubled(self, topic: str, kind: str, appended_ms: int) -> None:
        """Take note of a dead letter (`refused`) or a late event (`late`) about a record of `topic`."""
        times = self.problems.setdefault((topic, kind), deque())
        times.append(appended_ms)
        while times[0] <= appended_ms - TREND_MS:
            times.popleft()

    def _troubles(self, topics: Iterable[str], kind: str, now_ms: int) -> int:
        """How many of that kind in the last minute, about records of any of `topics`."""
        return sum(at_ms > now_ms - TREND_MS for topic in topics for at_ms in self.problems.get((topic, kind), ()))

    def _late_share(self, topics: Iterable[str], now_ms: int) -> float:
        """The largest part of a topic's records of the last minute that was late."""
        minute = [(self.ends.rate_per_s(topic, over_ms=TREND_MS) * 60, topic) for topic in topics]
        return max((self._troubles([topic], "late", now_ms) / max(many, 1.0) for many, topic in minute), default=0.0)

    def _last_word_ms(self, now_ms: int) -> int:
        heard_ms = max(self.samples.heard_ms, self.began_ms)
        return now_ms if now_ms - heard_ms > ALL_SILENT_MS else min(now_ms, heard_ms)

    def _worn(self, name: str, badges: list[dict[str, str]], now_ms: int) -> list[dict[str, str]]:
        return badges if self.lasting is None else self.lasting.worn(name, badges, now_ms)

    def values(self, now_ms: int) -> dict[str, Any]:
        """The whole graph as board values: `node/…` and `edge/…>…`."""
        services = self.samples.services()
        values: dict[str, Any] = {}
        edges = {(edge["from"], edge["to"]): edge for edge in self._edges(services, now_ms)}
        for topic in self.topics:
            values[f"node/{topic.name}"] = self._topic_node(topic, now_ms)
        for name in (*PRICING_CHAIN, *(found for found in services if found not in PRICING_CHAIN)):
            values[f"node/{name}"] = self._service_node(name, services.get(name, []), edges.values(), now_ms)
        for name, kind in _outside(self.topics):
            values.setdefault(f"node/{name}", self._outside_node(name, kind))
        return values | {f"edge/{start}>{end}": edge for (start, end), edge in sorted(edges.items())}

    # ---- nodes

    def _topic_node(self, topic: Topic, now_ms: int) -> dict[str, Any]:
        ends = self.ends.newest
        numbers = self.ends.partitions(topic.name)
        seen = self.newest.get(topic.name)
        rate = self.ends.rate_per_s(topic.name, over_ms=RATE_OVER_MS)
        records = sum(ends[topic.name, n] - self.begins.get((topic.name, n), 0) for n in numbers)
        pauses = self.ends.pauses.get(topic.name, Pauses())
        health = TopicHealth(
            exists=bool(numbers) or not ends,
            outside=topic.writer not in PRICING_CHAIN,
            ever=records > 0,
            silent_ms=now_ms - max(seen.appended_ms, pauses.last_ms) if seen else -1,
            refused=self._troubles([topic.name], "refused", now_ms),
            late=self._troubles([topic.name], "late", now_ms),
            late_share=self._late_share([topic.name], now_ms),
            dead_letters=topic.name.endswith(".dlq"),
            recent_rate=self.ends.rate_per_s(topic.name, over_ms=TREND_MS),
            growths=pauses.times,
            longest_pause_ms=pauses.longest_ms,
        )
        return {
            "kind": "topic",
            "name": topic.name,
            "about": topic.about,
            "key_is": topic.key,
            "retention_ms": topic.retention_ms,
            "rate": round(rate, 1),
            "records": records,
            "partitions": [
                [n, self.begins.get((topic.name, n), 0), ends[topic.name, n], self._rate_of(topic.name, n)]
                for n in numbers
            ],
            "newest_ms": seen.appended_ms if seen else 0,
            "event_lag_ms": max(0, seen.appended_ms - seen.at_ms) if seen and seen.at_ms else -1,
            "sources": sorted(self.sources.get(topic.name, {})),
            "badges": self._worn(topic.name, badges_of_topic(health), now_ms),
        }

    def _rate_of(self, topic: str, partition: int) -> float:
        return round(self.ends.partition_rate_per_s(topic, partition, over_ms=RATE_OVER_MS), 1)

    def _service_node(
        self, name: str, workers: list[WorkerSamples], edges: Iterable[Mapping[str, Any]], now_ms: int
    ) -> dict[str, Any]:
        incoming = [edge for edge in edges if edge["to"] == name]
        inputs = [edge["from"] for edge in incoming]
        behind_ms = max((edge["behind_ms"] for edge in incoming), default=0)
        heard_ms = max((worker.newest.now_ms for worker in workers), default=0)
        trend = [entry for entry in self.behind.get(name, []) if entry[0] > now_ms - TREND_MS]
        self.behind[name] = [*trend, (now_ms, behind_ms)]
        gauges, latency = gauges_of(workers), quantiles_of(workers)
        busy = max((worker.newest.gauges.get("busy_share", 0.0) for worker in workers), default=0.0)
        self.began_ms = self.began_ms or now_ms
        health = ServiceHealth(
            heard=bool(workers),
            silent_ms=self._last_word_ms(now_ms) - max(heard_ms, self.began_ms),
            behind_ms=[entry[1] for entry in self.behind[name]],
            busy_share=busy,
            latency_ms=latency,
            refused=self._troubles(inputs, "refused", now_ms),
            late=self._troubles(inputs, "late", now_ms),
            late_share=self._late_share(inputs, now_ms),
        )
        return {
            "kind": "service",
            "name": name,
            "workers": [_worker(worker) for worker in workers],
            "busy": round(busy, 3),
            "heard_ms": heard_ms,
            "behind_ms": behind_ms,
            "behind": sum(edge["behind"] for edge in incoming),
            "read_rate": round(sum(edge["rate"] for edge in incoming), 1),
            "written_rate": round(sum(edge["rate"] for edge in edges if edge["from"] == name), 1),
            "latency_ms": latency,
            "gauges": {gauge: round(value, 4) for gauge, value in sorted(gauges.items())},
            "badges": self._worn(name, badges_of_service(health), now_ms),
        }

    def _outside_node(self, name: str, kind: str) -> dict[str, Any]:
        written = [topic.name for topic in self.topics if name in _parties(topic.writer)]
        sources = sorted({source for topic in written for source in self.sources.get(topic, {})})
        return {"kind": kind, "name": name, "sources": sources, "badges": []}

    # ---- edges

    def _edges(self, services: Mapping[str, list[WorkerSamples]], now_ms: int) -> Iterator[dict[str, Any]]:
        since_ms = self._last_word_ms(now_ms) - KEPT_MS  # a worker that fell silent reads and writes nothing
        speaking = {name: [w for w in held if w.newest.now_ms > since_ms] for name, held in services.items()}
        reads = {name: flow_of(workers, written=False) for name, workers in speaking.items()}
        writes = {name: flow_of(workers, written=True) for name, workers in speaking.items()}
        for topic in self.topics:
            for writer in sorted(
                self._declared(topic.writer) | {n for n, flow in writes.items() if topic.name in flow}
            ):
                yield self._writing(topic, writer, writes.get(writer, {}))
            for reader in sorted(
                self._declared(", ".join(topic.readers)) | {n for n, f in reads.items() if topic.name in f}
            ):
                yield self._reading(topic, reader, reads.get(reader, {}), services.get(reader, []), now_ms)

    def _declared(self, parties: str) -> set[str]:
        found = set(_parties(parties))
        return found - {EVERY_SERVICE} | set(PRICING_CHAIN) if EVERY_SERVICE in found else found

    def _writing(self, topic: Topic, writer: str, flow: Mapping[str, tuple[float, float]]) -> dict[str, Any]:
        rate, size = flow.get(topic.name, (0.0, 0.0))
        if writer not in PRICING_CHAIN:
            rate = self.ends.rate_per_s(topic.name, over_ms=RATE_OVER_MS)
        declared = writer in self._declared(topic.writer)
        return _edge(writer, topic.name, rate, size, declared=declared, measured=writer in PRICING_CHAIN)

    def _reading(
        self,
        topic: Topic,
        reader: str,
        flow: Mapping[str, tuple[float, float]],
        workers: list[WorkerSamples],
        now_ms: int,
    ) -> dict[str, Any]:
        rate, size = flow.get(topic.name, (0.0, 0.0))
        behind, behind_ms = 0, 0
        for (name, partition), (offset, said_ms) in stands_at(workers).items():
            if name == topic.name and offset >= 0:
                # A worker that fell silent is behind by all that was appended since; its last word stays its last.
                at_ms = said_ms if now_ms - said_ms < 3_000 else now_ms
                waited_ms = self.ends.behind_ms(name, partition, next_offset=offset + 1, now_ms=at_ms)
                behind_ms = max(behind_ms, waited_ms if waited_ms > 2_000 else 0)
                if waited_ms > 2_000:
                    behind += max(0, self.ends.newest.get((name, partition), 0) - offset - 1)
        declared = reader in self._declared(", ".join(topic.readers))
        edge = _edge(topic.name, reader, rate, size, declared=declared, measured=topic.name in flow)
        return edge | {"behind": behind, "behind_ms": behind_ms}


def _edge(start: str, end: str, rate: float, size: float, *, declared: bool, measured: bool) -> dict[str, Any]:
    return {
        "from": start,
        "to": end,
        "rate": round(rate, 1),
        "bytes_rate": round(size),
        "declared": declared,
        "measured": measured,
        "behind": 0,
        "behind_ms": 0,
    }


def _worker(worker: WorkerSamples) -> dict[str, Any]:
    sample = worker.newest
    return {
        "name": sample.worker,
        "now_ms": sample.now_ms,
        "busy": round(sample.gauges.get("busy_share", 0.0), 3),
        "versions": sample.versions,
    }


def _parties(said: str) -> list[str]:
    return [party for party in said.split(", ") if party]


def _outside(topics: Iterable[Topic]) -> Iterator[tuple[str, str]]:
    """Who writes and reads from outside, by name, writers first."""
    for kind, column in (("producer", "writer"), ("consumer", "readers")):
        for topic in topics:
            said = topic.writer if column == "writer" else ", ".join(topic.readers)
            yield from ((name, kind) for name in _parties(said) if name not in (*PRICING_CHAIN, EVERY_SERVICE))
