"""Faust's app with our transport, and what an agent may ask of it.

Overridden of `faust.App` (pinned by `pins`), each for one reason:

_new_transport, _new_producer_transport  our transport, without registering a URL scheme for the whole process
on_rebalance_end                         nothing is delivered sooner: Faust empties the agents' queues just before it
_consumer_wait_empty                     before partitions go, agents finish the batch they are in
_crash                                   whatever raised outside an agent ends the process, too
_create_directories                      tables live in memory, nothing is written to disk
on_start, on_started, on_stop, on_shutdown  publisher and watchdog live as long as the app
"""

# ruff: noqa: ANN401  # Faust takes any setting

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from functools import partial
from typing import Any, cast

import faust
from faust.types import TP
from faust.types.transports import ConsumerT

from agents.runtime import pins
from agents.runtime.batches import BatchSchema, Reading
from agents.runtime.consumer import Consumer
from agents.runtime.fencing import Member
from agents.runtime.group_watch import answers, watch_group
from agents.runtime.progress import ReadingProgress
from agents.runtime.publisher import Publisher
from agents.runtime.rewind import Span
from agents.runtime.settings import WorkerSettings
from agents.runtime.supervision import ExitSupervisor, Watchdog, end_crashed
from agents.runtime.tables import Table, Tables
from agents.runtime.telemetry import Standing
from agents.runtime.timeline import Timeline
from agents.runtime.transport import Transport
from windows.epochs import Epoch

Began = Callable[[Epoch, Mapping[TP, Span]], Awaitable[None]]
"""Told of a new epoch and its batched partitions, before the first of their records is delivered."""
Lost = Callable[[set[TP]], Awaitable[None]]
"""Told of batched partitions taken away; the epoch is over."""
Drain = Callable[[], Awaitable[None]]
"""Asked to publish and acknowledge what is held, since partitions are about to go or the worker stops."""


class WorkerApp(faust.App):
    """The app of one worker."""

    settings: WorkerSettings
    publisher: Publisher
    timeline: Timeline
    batch_done: Callable[[float], None]
    """Told of each acknowledged batch how many milliseconds its agent had it."""

    def __init__(self, service: str, settings: WorkerSettings, **options: Any) -> None:
        super().__init__(service, **options)
        self.settings = settings
        self.timeline = Timeline()
        self._began: list[Began] = []
        self._lost: list[Lost] = []
        self._drain: list[Drain] = []
        self._alongside: list[Callable[[], Coroutine[Any, Any, None]]] = []
        self.batch_done = lambda _ms: None
        self.publisher = Publisher(
            settings.bootstrap,
            client_id=settings.client_id,
            confirmed=self.confirm_member,
            request_timeout_s=settings.request_timeout_s,
            security=settings.security,
        )
        self._watchdog = Watchdog(ReadingProgress(self), limit_s=settings.hang_limit_s)

    # ---- what an agent uses

    def batched_topic(self, name: str, reading: Reading) -> faust.TopicT:
        """Return an existing topic whose stream is read with `batches`."""
        return self.topic(name, schema=BatchSchema(reading))

    def on_began(self, listener: Began) -> None:
        """Have `listener` awaited with each new epoch, before the first record of it."""
        self._began.append(listener)

    def on_lost(self, listener: Lost) -> None:
        """Have `listener` awaited when partitions are taken away."""
        self._lost.append(listener)

    def on_drain(self, listener: Drain) -> None:
        """Have `listener` awaited before partitions go and before the worker stops, for 2 s at most."""
        self._drain.append(listener)

    def alongside(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Have `work` run from the very start; a task of Faust's begins only after the first assignment."""
        self._alongside.append(work)

    @property
    def epoch(self) -> Epoch | None:
        """The current epoch, None while nothing is assigned."""
        return self._reader.epoch

    @property
    def spans(self) -> Mapping[TP, Span]:
        """The batched partitions of this epoch and which of their offsets are replayed."""
        return {tp: delivered.span for tp, delivered in self._reader.deliveries.items()}

    def position(self, tp: TP) -> int:
        """Return the next offset to be processed of an assigned partition; everything below is acknowledged.

        Raises KeyError if the partition is not assigned.
        """
        return self._reader.deliveries[tp].position

    def delivered_to(self, tp: TP) -> int:
        """Return the offset up to which an assigned partition was handed to its agent."""
        return self._reader.deliveries[tp].delivered_to

    def caught_up(self, tp: TP) -> bool:
        """Whether the replay of an assigned partition has reached the committed offset, be it idle or not.

        Raises KeyError if the partition is not assigned.
        """
        return self._reader.deliveries[tp].caught_up

    def end(self, tp: TP) -> int:
        """Return the end of an assigned partition's log as far as the broker has told.

        Raises KeyError if the partition is not assigned.
        """
        return max(self._reader.ends[tp], self._reader.highwater(tp) or 0)  # no highwater before the first fetch

    def fetched_ms(self, tp: TP) -> int:
        """Return when the broker last answered a fetch of an assigned partition, epoch ms of this machine; 0 if never.

        `end` is as old as that.
        """
        return self._reader.fetched_ms(tp)

    def standing(self) -> dict[tuple[str, int], Standing]:
        """Where the reading of each assigned partition stands, as far as the broker has told."""
        return {
            (tp.topic, tp.partition): Standing(
                position=delivered.position,
                lag=max(0, self.end(tp) - delivered.delivered_to),
                appended_ms=delivered.appended_ms,
                waits_since_ms=delivered.waits_since_ms,
            )
            for tp, delivered in self._reader.deliveries.items()
        }

    async def broker_ends(self) -> dict[TP, int]:
        """Ask the broker for the ends of the assigned partitions. Raises KafkaError."""
        return dict(await self._reader.highwaters(*self._reader.deliveries)) if self._reader.deliveries else {}

    def hold(self, tp: TP) -> None:
        """Deliver nothing of this partition until `release` or the next epoch; batches handed over before still come.

        Called from an `on_began` listener, it takes effect before the first record.
        """
        self._reader.parking.hold(tp)

    def release(self, tp: TP) -> None:
        """End a hold."""
        self._reader.parking.release(tp)

    async def confirm_member(self) -> None:
        """Return once it is certain that no other process has taken this one's place. Awaited by the publisher."""
        await Member(self._reader, within_s=self.settings.certain_s).confirmed()

    async def flush_tables(self) -> None:
        """Return when the broker has acknowledged all changelog records written so far."""
        await self.producer.flush()

    # ---- what the consumer calls

    async def began(self, epoch: Epoch, spans: Mapping[TP, Span]) -> None:
        """Tell the agents of a new epoch."""
        for listener in self._began:
            await listener(epoch, spans)
        self.timeline.reach("read back")

    async def lost(self, partitions: set[TP]) -> None:
        """Tell the agents what was taken away."""
        for listener in self._lost if partitions else ():
            await listener(partitions)

    async def drain(self) -> None:
        """Have the agents finish what they hold."""
        for listener in self._drain:
            await listener()

    # ---- overrides

    @property
    def _reader(self) -> Consumer:
        return cast("Consumer", self.consumer)

    def _new_transport(self) -> Transport:
        return Transport(self.conf.broker_consumer, self)

    def _new_producer_transport(self) -> Transport:
        return Transport(self.conf.broker_producer, self)

    async def _consumer_wait_empty(self, consumer: ConsumerT, logger: object) -> None:  # noqa: ARG002  # theirs
        await cast("Consumer", consumer).finish_working()

    def on_rebalance_end(self) -> None:
        """Begin to deliver."""
        super().on_rebalance_end()
        self._reader.rebalanced()

    def _crash(self, reason: BaseException) -> None:
        if not self.should_stop:
            end_crashed(reason, session_s=self.settings.session_timeout_s)
        super()._crash(reason)

    def _create_directories(self) -> None:
        """Create none."""

    async def on_start(self) -> None:
        """Connect the publisher before any agent runs."""
        pins.check()
        await super().on_start()
        await self.publisher.start()
        for work in self._alongside:
            self.add_future(work())
        reach = partial(answers, self.settings.bootstrap, self.settings.security)
        self.add_future(watch_group(lambda: self._reader.heartbeat_age_s, reach))

    async def on_started(self) -> None:
        """Begin to watch once the worker reads."""
        await super().on_started()
        self._watchdog.start()

    async def on_stop(self) -> None:
        """Let agents finish, commit, and stop watching."""
        self._watchdog.stop()
        await super().on_stop()

    async def on_shutdown(self) -> None:
        """Disconnect the publisher after the last agent has ended."""
        await self.publisher.stop()
        await super().on_shutdown()


def make_app(service: str, *, settings: WorkerSettings, **options: Any) -> WorkerApp:
    """Return the app of one worker of `service`; agents are registered on it before it runs.

    `options` are further settings of Faust, for tables foremost. Creating an app touches neither broker nor event loop.
    Raises UnsupportedVersionError if Faust or aiokafka is not the version this room was written for.
    """
    pins.check()
    return WorkerApp(
        settings.group_prefix + service,
        settings,
        **{**_fixed(settings), **options},
    )


def _fixed(settings: WorkerSettings) -> dict[str, Any]:
    return {
        "broker": settings.broker_urls,
        "broker_credentials": settings.credentials(),
        "broker_client_id": settings.client_id,
        "consumer_group_instance_id": settings.instance_id,
        "broker_session_timeout": settings.session_timeout_s,
        "broker_heartbeat_interval": settings.heartbeat_s,
        "broker_request_timeout": settings.request_timeout_s,
        "broker_commit_interval": settings.commit_interval_s,
        "broker_commit_every": 10_000_000,  # by time alone: the count is of batches here
        "broker_max_poll_records": settings.max_poll_records,
        "producer_acks": -1,
        "producer_linger": 0,
        "producer_request_timeout": settings.request_timeout_s,
        "stream_buffer_maxsize": settings.buffered_batches,
        "stream_wait_empty": False,  # True waits for ever for a batch an agent does not acknowledge
        "table_standby_replicas": settings.table_standbys,
        "topic_disable_leader": True,
        "topic_replication_factor": settings.topic_replicas,
        "Table": Table,
        "TableManager": Tables,
        "store": "memory://",
        "agent_supervisor": ExitSupervisor,
        "web_enabled": False,
        "autodiscover": False,
        "worker_redirect_stdouts": False,  # the process's own log handlers stay as they are
    }
