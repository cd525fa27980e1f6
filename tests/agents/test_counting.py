"""The flush loop: what is published when, and that acknowledgement comes last."""

import asyncio
import weakref
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import pytest

from agents.runtime.counting import MOST_UNFLUSHED, CountingService, Outgoing, Source
from agents.runtime.telemetry import Meter
from topics.catalogue import SUPPLY_CELLS
from windows.epochs import Epoch

EPOCH = Epoch(1, 100)


def say(word: str) -> Outgoing:
    return Outgoing(SUPPLY_CELLS, 0, b"*", word)


class Words:
    """A source partition that publishes words."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.knows = True

    def observe(self, batch: Any) -> Iterable[Outgoing]:
        self.heard.append(batch.word)
        return [say(f"refused {batch.word}")] if batch.word.startswith("bad") else []

    def changes(self, now_ms: int) -> Iterable[Outgoing]:
        heard, self.heard = self.heard, []
        return [say(word) for word in heard]

    def snapshot_complete(self, now_ms: int) -> Iterable[Outgoing]:
        return [say("complete")] if self.knows else []

    def alive(self, now_ms: int) -> Iterable[Outgoing]:
        return [say(f"alive {now_ms}")]


class Replayed(list[str]):
    """A batch of which the service holds nothing that is live."""

    partition, live, count = 0, False, 1


class Stage:
    """A service over hand-made parts: clock, broker, and whether the partition has caught up."""

    def __init__(self) -> None:
        self.now_ms, self.caught_up, self.sent, self.acked = 5_000, True, [], []
        self.broker_answers = asyncio.Event()
        self.broker_answers.set()
        self.service = CountingService(
            open_partition=lambda _source: Words(),
            caught_up=lambda _partition: self.caught_up,
            send=self.send,
            meter=Meter(service="supply", worker="test"),
            now_ms=lambda: self.now_ms,
        )
        self.service.assigned([Source(partition=0, epoch=EPOCH, stamp_ms=None, has_read_all=lambda _topic: True)])

    async def send(self, outgoing: Iterable[Outgoing]) -> None:
        self.sent += [o.record for o in outgoing]
        await self.broker_answers.wait()

    def take(self, word: str, *, live: bool = True, count: int = 1) -> None:
        batch = SimpleNamespace(partition=0, word=word, live=live, count=count)
        self.service.take(batch, lambda: self.acked.append(word))


async def test_the_first_flush_ends_with_snapshot_complete_and_alive() -> None:
    """All counts come before the word that they are complete, and ALIVE is of the same instant."""
    stage = Stage()
    stage.take("a")
    await stage.service.flush()
    assert stage.sent == ["a", "complete", "alive 5000"]


async def test_completeness_is_announced_once_the_state_can_say_so() -> None:
    """One that knows too little yet is asked again at the next flush; later it is asked no more."""
    stage = Stage()
    state = stage.service._held[0].state
    state.knows = False
    await stage.service.flush()
    assert stage.sent == ["alive 5000"]
    state.knows = True
    for _ in range(2):
        await stage.service.flush()
    assert stage.sent == ["alive 5000", "complete"]


async def test_nothing_is_published_or_acknowledged_before_the_partition_caught_up() -> None:
    """A replay rebuilds state only; the flush after it tells everything at once."""
    stage = Stage()
    stage.caught_up = False
    stage.take("a")
    await stage.service.flush()
    assert (stage.sent, stage.acked) == ([], [])
    stage.caught_up = True
    await stage.service.flush()
    assert (stage.sent, stage.acked) == (["a", "complete", "alive 5000"], ["a"])


async def test_what_is_only_replayed_is_acknowledged_at_once() -> None:
    """A replay of a whole log holds no records, and the watchdog sees it move; what it told is published after it."""
    stage = Stage()
    stage.caught_up = False
    stage.take("a", live=False)
    stage.take("b")
    assert stage.acked == ["a"]
    stage.caught_up = True
    await stage.service.flush()
    assert (stage.sent, stage.acked) == (["a", "b", "complete", "alive 5000"], ["a", "b"])


async def test_nothing_of_what_is_only_replayed_is_held() -> None:
    """Half an hour of pings is replayed at a start: what is made of a batch later would hold all of them till then."""
    stage = Stage()
    stage.caught_up = False
    stage.service._held[0].state.observe = lambda batch: (say(word) for word in batch)
    batch = Replayed()
    held = weakref.ref(batch)
    stage.service.take(batch, lambda: None)
    del batch
    assert held() is None


async def test_a_batch_is_acknowledged_only_after_the_broker_has_answered() -> None:
    """A batch taken while the broker is still to answer waits for the next flush."""
    stage = Stage()
    stage.take("a")
    stage.broker_answers.clear()
    flush = asyncio.create_task(stage.service.flush())
    await asyncio.sleep(0)
    stage.take("b")
    assert stage.acked == []
    stage.broker_answers.set()
    await flush
    assert stage.acked == ["a"]


async def test_behind_a_flush_that_waits_for_the_broker_little_is_taken_in() -> None:
    """What is taken in is held until it is flushed; replays and a broker that answers hold nobody up."""
    stage = Stage()
    stage.take("replayed", live=False, count=MOST_UNFLUSHED)
    stage.take("a", count=MOST_UNFLUSHED)
    await asyncio.wait_for(stage.service.room(), timeout=5)
    stage.broker_answers.clear()
    flush = asyncio.create_task(stage.service.flush())
    await asyncio.sleep(0)
    await asyncio.wait_for(stage.service.room(), timeout=5)
    stage.take("b", count=MOST_UNFLUSHED)
    room = asyncio.create_task(stage.service.room())
    await asyncio.sleep(0)
    assert not room.done()
    stage.broker_answers.set()
    await flush
    await asyncio.wait_for(room, timeout=5)


@pytest.mark.parametrize(("after_ms", "alive"), [(999, False), (1_000, True)])
async def test_alive_is_said_every_second_with_or_without_news(after_ms: int, alive: bool) -> None:
    """A silent partition is told from a quiet one."""
    stage = Stage()
    await stage.service.flush()
    stage.sent.clear()
    stage.now_ms += after_ms
    await stage.service.flush()
    assert stage.sent == ([f"alive {5_000 + after_ms}"] if alive else [])


@pytest.mark.parametrize("slowly", [False, True])
async def test_a_clock_that_is_set_back_silences_nobody(slowly: bool) -> None:
    """An hour earlier by its clock the service goes on as before, also where it publishes once a second."""
    stage, said = Stage(), []

    def stops() -> bool:
        said.append(stage.sent[-1])
        return len(said) == 2

    await stage.service.flush()
    stage.now_ms -= 3_600_000
    stage.service._slowly, stage.service._flush_every_s = lambda: slowly, 0.0
    await stage.service.run(stops)
    assert said == ["alive 5000", f"alive {5_000 - 3_600_000}"]


async def test_refused_records_go_out_with_the_flush_that_commits_them() -> None:
    """A dead letter is acknowledged before the record it came from is committed."""
    stage = Stage()
    stage.take("bad")
    await stage.service.flush()
    assert stage.sent[0] == "refused bad"
    assert stage.acked == ["bad"]


async def test_a_failed_send_acknowledges_nothing() -> None:
    """The worker ends with the error; the records are read again."""
    stage = Stage()

    async def fail(_outgoing: Iterable[Outgoing]) -> None:
        raise ConnectionError("broker gone")

    stage.service._send = fail
    stage.take("a")
    with pytest.raises(ConnectionError):
        await stage.service.flush()
    assert stage.acked == []


async def test_far_behind_it_publishes_once_a_second():
    """While slow, flushes are a second apart by the service's clock; nothing is lost, and then the pace is back."""
    stage, turns = Stage(), iter([(5_100, True), (5_900, True), (6_000, True), (6_100, True), (6_200, False)])
    slow, published = [False], []

    def stops() -> bool:
        published.append((stage.now_ms, len(stage.sent)))
        stage.now_ms, slow[0] = next(turns, (0, None))
        return slow[0] is None

    stage.service._slowly = lambda: bool(slow[0])
    stage.service._flush_every_s = 0.0
    await stage.service.flush()
    assert stage.sent == ["complete", "alive 5000"]
    stage.service.take(SimpleNamespace(partition=0, word="car", live=True, count=1), lambda: None)
    await stage.service.run(stops)
    assert [now_ms for now_ms, sent in published if "car" in stage.sent[:sent]] == [6_000, 6_100, 6_200]
