"""The topics a counting service reads: how far each is taken in, and their connection to its flush loop.

    requests.v1  n ──╮
                     ├──> source n        topics share a partition count
    decisions.v1 n ──╯

A source has caught up once each of its topics has passed its commit, and has read all once each is taken to its end.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial

from faust.types import TP

from agents.runtime.app import WorkerApp
from agents.runtime.batches import Batch
from agents.runtime.counting import FETCHED_LATELY_MS, CountingService, Outgoing, Source, SourcePartition
from agents.runtime.rewind import Rewind, Span
from agents.runtime.shedding import Shed
from agents.runtime.worker import Worker, now_ms, on_batches, report_telemetry, shed_now
from topics.catalogue import Topic
from windows.epochs import Epoch


class CountingInputs:
    """How far the topics named are taken in, in the current epoch."""

    def __init__(self, app: WorkerApp, topics: tuple[str, ...]) -> None:
        self._app, self._topics = app, topics
        self._taken: dict[TP, int] = {}
        self._spans: dict[TP, Span] = {}

    def begin(self, epoch: Epoch, assigned: Mapping[TP, Span]) -> list[Source]:
        """The sources of a new epoch, ascending; nothing of them is taken yet."""
        self._taken.clear()
        self._spans = dict(assigned)
        return [
            Source(
                partition=number,
                epoch=epoch,
                stamp_ms=assigned[TP(self._topics[0], number)].stamp_ms,
                has_read_all=partial(self.has_read_all, number),
            )
            for number in sorted({tp.partition for tp in assigned})
        ]

    def take(self, batch: Batch) -> None:
        """Note that a batch is with its service."""
        self._taken[batch.tp] = batch.next_offset

    def caught_up(self, partition: int) -> bool:
        """Whether all topics of that partition number have passed their commits."""
        sources = [TP(topic, partition) for topic in self._topics]
        return all(self._taken.get(tp, -1) >= self._spans[tp].resume or self._app.caught_up(tp) for tp in sources)

    def has_read_all(self, partition: int, topic: str) -> bool:
        """Whether all that was in the topic FETCHED_LATELY_MS ago was taken."""
        tp = TP(topic, partition)
        # The end is as old as the last fetch: while the registry or the broker was away, more may have come.
        fetched_lately = now_ms() - self._app.fetched_ms(tp) <= FETCHED_LATELY_MS
        return fetched_lately and max(self._taken.get(tp, 0), self._app.position(tp)) >= self._app.end(tp)


def wire_counting(
    app: WorkerApp,
    worker: Worker,
    inputs: Mapping[Topic, Rewind],
    open_partition: Callable[[Source], SourcePartition],
    *,
    raw: bool = False,
    sheds_detail: bool = False,
) -> None:
    """Connect a counting service: its inputs share a partition count, and partition n of each makes one source.

    With `raw` they are read as arrays, which pays for topics of many records a second. One that `sheds_detail` tells of
    changes less often while it is far behind.
    """

    async def send(outgoing: Iterable[Outgoing]) -> None:
        epoch = app.epoch  # it may end meanwhile
        await worker.publish_within(app, await worker.coded(outgoing), epoch)

    read = CountingInputs(app, tuple(topic.name for topic in inputs))
    service = CountingService(
        open_partition=open_partition,
        caught_up=read.caught_up,
        send=send,
        meter=worker.meter,
        flush_every_ms=worker.flush_every_ms,
        slowly=(lambda: shed_now(app) >= Shed.DETAIL) if sheds_detail else lambda: False,
    )

    def take(batch: Batch, ack: Callable[[], None]) -> None:
        read.take(batch)
        service.take(batch, ack)

    async def began(epoch: Epoch, assigned: Mapping[TP, Span]) -> None:
        service.assigned(read.begin(epoch, assigned))

    async def lost(_partitions: set[TP]) -> None:
        service.revoked()

    for topic, rewind in inputs.items():
        on_batches(app, worker, topic, take, rewind, raw=raw, room=service.room)
    app.on_began(began)
    app.on_lost(lost)
    app.on_drain(service.flush)
    app.task(partial(service.run, lambda: app.should_stop))
    report_telemetry(app, worker)
