"""The recorder in memory: when it acknowledges, when it stops reading, and what it says while the database is away."""

import asyncio
from types import SimpleNamespace

import pytest
from faust.types import TP

from agents import recorder as recorder_module
from agents.recorder import Recorder
from agents.recorder_store import Written
from agents.runtime.batches import Batch
from agents.runtime.contracts import Contracts
from agents.runtime.telemetry import Meter
from infra.clients.errors import UnreachableError
from topics.catalogue import RIDE_EVENTS
from topics.codec import ObjectCodec
from topics.events import RideEventHappened, RideEventKind
from topics.schemas import schema_of
from windows.epochs import Epoch

EPOCH = Epoch(1, 1)
PLACES = [TP(RIDE_EVENTS.name, number) for number in range(2)]
NOW_MS = 1_790_000_000_000
VALUE = ObjectCodec(RIDE_EVENTS, 5).encode(
    RideEventHappened(event_id="e", rider_id="r", ride_id="d", kind=RideEventKind.RIDE_STARTED, at_ms=NOW_MS)
)


class Flow:
    """Which partitions are held."""

    def __init__(self):
        self.spans, self.held = dict.fromkeys(PLACES), set()

    def hold(self, tp):
        self.held.add(tp)

    def release(self, tp):
        self.held.discard(tp)


class Tables:
    """A store that remembers, and is away while told so; `meanwhile` runs in the middle of a write."""

    def __init__(self):
        self.offsets, self.away, self.tried, self.house = [], False, 0, 0
        self.meanwhile = lambda: None

    async def keep_house(self, _now_ms):
        self.house += 1

    async def write(self, rows, _now_ms):
        self.tried += 1
        self.meanwhile()
        if self.away:
            raise UnreachableError("the database does not answer")
        (some,) = rows.values()
        self.offsets += [row.values[3] for row in some]
        return Written(len(some), 0, 0)


class Scene:
    """A recorder with its surroundings."""

    def __init__(self, pending_bytes=10**6):
        self.flow, self.tables, self.acked = Flow(), Tables(), []
        self.meter = Meter(service="recorder", worker="r0")
        self.recorder = Recorder(
            flow=self.flow,
            store=self.tables,
            contracts=Contracts({RIDE_EVENTS.subject: 5}, {5: schema_of(RIDE_EVENTS)}),
            meter=self.meter,
            clock_ms=lambda: NOW_MS,
            pending_bytes=pending_bytes,
        )

    def take(self, *offsets, partition=0, value=VALUE):
        """Deliver a batch of records at these offsets."""
        records = [
            SimpleNamespace(partition=partition, offset=o, timestamp=NOW_MS, key=b"r", value=value, headers=())
            for o in offsets
        ]
        batch = Batch.of(PLACES[partition], records, epoch=EPOCH, resume=0)
        self.recorder.take(batch, lambda: self.acked.append(offsets))

    def gauges(self):
        return self.meter.sample(NOW_MS).gauges


async def test_a_batch_is_acknowledged_once_it_is_written_and_not_before():
    """In the middle of the write it is not acknowledged yet."""
    scene = Scene()
    scene.take(1, 2)
    seen = []
    scene.tables.meanwhile = lambda: seen.append([*scene.acked])
    await scene.recorder.write()
    assert (seen, scene.acked, scene.tables.offsets) == ([[]], [(1, 2)], [1, 2])
    assert scene.gauges()["records_recorded"] == 2


async def test_what_could_not_be_written_is_written_later_in_order():
    """A failure acknowledges nothing and forgets nothing."""
    scene = Scene()
    scene.take(1, 2)
    scene.take(3)
    scene.tables.away = True
    with pytest.raises(UnreachableError):
        await scene.recorder.write()
    scene.take(4)
    assert scene.acked == []
    scene.tables.away = False
    await scene.recorder.write()
    assert (scene.tables.offsets, scene.acked) == ([1, 2, 3, 4], [(1, 2), (3,), (4,)])


async def test_records_that_cannot_be_read_are_rows_like_others():
    """They are counted, and acknowledged with the rest."""
    scene = Scene()
    scene.take(1, value=b"{}")
    scene.take(2, value=None)
    await scene.recorder.write()
    assert (scene.tables.offsets, scene.gauges()["records_unreadable"]) == ([1, 2], 2)


async def test_a_partition_is_held_while_too_much_waits():
    """Memory is bounded: the partition that goes beyond is held until all is written."""
    scene = Scene(pending_bytes=3 * len(VALUE))
    scene.take(1, 2)
    assert scene.flow.held == set()
    scene.take(1, partition=1)
    assert scene.flow.held == {PLACES[1]}
    await scene.recorder.write()
    assert scene.flow.held == set()


async def test_while_the_database_is_away_everything_is_held_and_said_once(monkeypatch, capsys):
    """All partitions are held, also those of a new assignment; then it goes on by itself."""
    monkeypatch.setattr(recorder_module, "LONGEST_PAUSE_S", 0.001)
    monkeypatch.setattr(recorder_module, "WRITE_EVERY_S", 0.001)
    scene = Scene()
    scene.tables.away = True
    scene.take(1)
    running = asyncio.create_task(scene.recorder.run(lambda: False))
    await until(lambda: scene.tables.tried > 3)
    assert (scene.flow.held, scene.gauges()["database_away"]) == ({*PLACES}, 1)
    scene.flow.held = set()
    await scene.recorder.began(EPOCH, scene.flow.spans)
    assert scene.flow.held == {*PLACES}
    scene.take(1)
    scene.tables.away = False
    await until(lambda: scene.acked and not scene.flow.held)
    assert (scene.tables.offsets, scene.gauges()["database_away"]) == ([1], 0)
    running.cancel()
    said = capsys.readouterr().out
    assert (said.count("nothing can be recorded"), said.count("recording again")) == (1, 1)


async def test_a_new_assignment_forgets_what_was_pending():
    """It is read again, by whoever has the partition now."""
    scene = Scene()
    scene.take(1)
    await scene.recorder.lost({PLACES[0]})
    await scene.recorder.began(EPOCH, scene.flow.spans)
    scene.take(1, 2)
    await scene.recorder.write()
    assert (scene.tables.offsets, scene.acked) == ([1, 2], [(1, 2)])


async def test_the_end_is_not_kept_waiting_by_the_database():
    """A stop without a database returns; what was not acknowledged is read again."""
    scene = Scene()
    scene.tables.away = True
    scene.take(1)
    await scene.recorder.drain()
    assert (scene.acked, scene.tables.tried) == ([], 1)


async def test_house_is_kept_although_nothing_comes():
    """Days are made and dropped on a quiet day, too."""
    scene = Scene()
    await scene.recorder.write()
    assert (scene.tables.house, scene.tables.tried) == (1, 0)


async def until(holds):
    """Let others go on until it holds, for a bounded time."""
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110  # the fakes know no events
            await asyncio.sleep(0.001)
