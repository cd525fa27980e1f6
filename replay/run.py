"""A recording run again: every partition in a process of its own, ticks first, then the answers that rest on them.

recording ─┬─> zone partitions ──> ticks again ──┐   to a directory, where anything is otherwise
           └─> rider partitions <────────────────┘──> quotes and decisions again
"""

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pricing.models import choice_of
from pricing.policy import policy_of
from replay.answers import RiderPartition
from replay.compare import Comparison, PartVerdict
from replay.recording import Raw, Recording, Records, framed, unframed
from replay.ticks import EVERY_ZONE, Alternative, ZonePartition
from topics.catalogue import BOOKING_DECISIONS, QUOTES, SURGE, Topic
from topics.control import ModelAnnounced, PricingPolicySet

OUTPUTS = (SURGE, QUOTES, BOOKING_DECISIONS)
TELL_EVERY = 50
TELL_EVERY_S = 0.5
Progress = Callable[[float], None]
Streams = Sequence[tuple[Topic, Iterator[tuple[Raw, Any, Any, str]]]]
"""Of each output topic: the record as it stood, as it was said, as it came out, and what it is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Otherwise:
    """What is to be otherwise than recorded, as records; nothing by default."""

    policy: PricingPolicySet | None = None
    model: ModelAnnounced | None = None

    @property
    def differs(self) -> bool:
        """Whether anything is otherwise."""
        return self.policy is not None or self.model is not None

    def compiled(self) -> Alternative:
        """Ready to price with. Raises ValueError if the policy cannot be compiled."""
        return Alternative(
            policy=policy_of(self.policy, -1) if self.policy else None,
            model=choice_of(self.model, -1) if self.model else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One partition: ticks if `of_zones`, else quotes and decisions. `outputs` is where records that came out go."""

    recording: Path
    of_zones: bool
    partition: int
    zones: frozenset[int] = EVERY_ZONE
    otherwise: Otherwise = Otherwise()
    outputs: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What a run compared, and how fast: `seconds` of wall clock for `range_ms` of records."""

    parts: list[PartVerdict]
    seconds: float
    range_ms: int

    @property
    def differing(self) -> int:
        """Records that came out otherwise."""
        return sum(part.differing for part in self.parts)

    @property
    def records(self) -> int:
        """Records compared."""
        return sum(part.records for part in self.parts)


class Outputs:
    """Records that came out, a file per partition."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def records(self, topic: str, partition: int) -> Iterator[Raw]:
        """Those of one partition in order of offset; none if it has none."""
        file = self._directory / f"{topic}-{partition}"
        if file.exists():
            with file.open("rb") as stream:
                yield from unframed(stream)


def run(
    recording: Path,
    *,
    zones: frozenset[int] = EVERY_ZONE,
    otherwise: Otherwise = Otherwise(),
    outputs: Path | None = None,
    workers: int = 0,
    progress: Progress | None = None,
) -> Ran:
    """Run the recording again and compare; what comes out is kept in the directory `outputs` if one is given.

    Where something is otherwise, `outputs` is needed: quotes then rest on the ticks that came out. `progress` is told
    the part that is done, 0 to 1. Raises RecordingError.
    """
    begun_s, about = time.monotonic(), Recording(recording).about
    shared: dict[str, Any] = {"recording": recording, "zones": zones, "otherwise": otherwise, "outputs": outputs}
    stages = [
        [Job(of_zones=True, partition=number, **shared) for number in range(about.partitions[SURGE.name])],
        [Job(of_zones=False, partition=number, **shared) for number in range(about.partitions[QUOTES.name])],
    ]
    jobs = [job for stage in stages for job in stage]
    done = multiprocessing.get_context("spawn").Array("d", len(jobs))
    if not otherwise.differs:
        stages = [jobs]  # quotes rest on the recorded ticks: nobody waits
    parts: list[PartVerdict] = []
    with _workers(done, workers or os.cpu_count() or 1) as submit:
        for stage in stages:
            waiting = {submit(job, jobs.index(job)) for job in stage}
            while waiting:
                finished, waiting = wait(waiting, timeout=TELL_EVERY_S, return_when=FIRST_COMPLETED)
                for future in finished:
                    parts += future.result()
                if progress is not None:
                    progress(sum(done[:]) / len(done))
    return Ran(
        parts=sorted(parts, key=lambda part: (part.topic, part.partition)),
        seconds=time.monotonic() - begun_s,
        range_ms=about.to_ms - about.from_ms,
    )


@contextmanager
def _workers(done: Any, workers: int) -> Iterator[Callable[[Job, int], Future[list[PartVerdict]]]]:  # noqa: ANN401
    """Runs jobs in so many processes; in this one if that is one, which starts at once."""
    if workers == 1:
        _share(done)
        yield _at_once
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_share, initargs=(done,)) as pool:
        yield lambda job, number: pool.submit(_work, job, number)


def _at_once(job: Job, number: int) -> Future[list[PartVerdict]]:
    future: Future[list[PartVerdict]] = Future()
    try:
        future.set_result(_work(job, number))
    except ValueError as error:  # what the recording lacks, as a process would hand it on
        future.set_exception(error)
    return future


_DONE: Any = None


def _share(done: Any) -> None:  # noqa: ANN401  an array shared by the processes
    global _DONE  # noqa: PLW0603  the one way to hand shared memory to a pool's processes
    _DONE = done


def _work(job: Job, number: int) -> list[PartVerdict]:
    """One job; how far it is stands in the shared array."""
    recording = Recording(job.recording)
    otherwise = job.otherwise.compiled()
    streams = _ticks(job, recording, otherwise) if job.of_zones else _answers(job, recording, otherwise)
    verdicts = []
    for place, (topic, stream) in enumerate(streams):
        with _kept(job.outputs, topic.name, job.partition) as keep:
            comparison = Comparison(topic, job.partition)
            for count, (raw, recorded, again, about) in enumerate(stream):
                keep(raw._replace(value=comparison.take(raw, recorded, again, about=about)))
                if count % TELL_EVERY == 0:
                    _DONE[number] = (place + _part_done(recording, raw)) / len(streams)
        verdicts.append(comparison.done())
    _DONE[number] = 1.0
    return verdicts


@contextmanager
def _kept(directory: Path | None, topic: str, partition: int) -> Iterator[Callable[[Raw], object]]:
    """Takes the records that came out, into a file where there is a directory for them."""
    if directory is None:
        yield lambda _raw: None
        return
    with (directory / f"{topic}-{partition}").open("wb") as file:
        yield lambda raw: file.write(framed(raw))


def _ticks(job: Job, recording: Recording, otherwise: Alternative) -> Streams:
    again = ZonePartition(recording, job.partition, zones=job.zones, otherwise=otherwise).run()
    return [(SURGE, ((one.raw, one.recorded, one.again, f"zone {one.recorded.zone:x}") for one in again))]


def _answers(job: Job, recording: Recording, otherwise: Alternative) -> Streams:
    source: Records = Outputs(job.outputs) if job.outputs and otherwise.differs else recording
    riders = RiderPartition(recording, job.partition, ticks=source, zones=job.zones, otherwise=otherwise)
    return [
        (QUOTES, ((one.raw, one.recorded, one.again, f"quote {one.recorded.quote_id}") for one in riders.quotes())),
        (
            BOOKING_DECISIONS,
            ((o.raw, o.recorded, o.again, f"decision {o.recorded.decision_id}") for o in riders.decisions()),
        ),
    ]


def _part_done(recording: Recording, raw: Raw) -> float:
    about = recording.about
    return (raw.timestamp_ms - about.from_ms) / max(1, about.to_ms - about.from_ms)
