"""The half that fetches: records that nobody will take in are read again."""

import asyncio
from types import SimpleNamespace

import pytest
from aiokafka import TopicPartition
from aiokafka.structs import OffsetAndMetadata
from faust.types import TP

from agents.runtime.group_consumer import GroupConsumer, _logs
from agents.runtime.rewind import CommitNote
from windows.epochs import Epoch

TABLE_LOG, CELLS = TopicPartition("panes-changelog", 2), TopicPartition("supply-cells.v1", 2)


class Client:
    """An aiokafka consumer whose fetch waits until `arrive` is called, and that remembers where it was sent."""

    def __init__(self, assigned):
        self.sought, self.records = {}, asyncio.get_running_loop().create_future()
        assignment = SimpleNamespace(active=True, tps=assigned, state_value=lambda _tp: _Position())
        self._closed, self._subscription = (
            False,
            SimpleNamespace(subscription=SimpleNamespace(assignment=assignment), fetch_context=_Nothing),
        )
        self._fetcher = self
        self._subscriptions = self._subscription

    async def fetched_records(self, _partitions, **_limits):
        """Wait as aiokafka does."""
        return await self.records

    def arrive(self, offsets):
        """Answer the fetch with a record at each offset."""
        self.records.set_result({tp: [SimpleNamespace(offset=offset)] for tp, offset in offsets.items()})

    def seek(self, tp, offset):
        """Remember."""
        self.sought[tp] = offset


class _Position:
    has_valid_position, position = True, 9


class _Nothing:
    def __enter__(self):
        return self

    def __exit__(self, *_error):
        return False


async def fetching(client):
    """A half of a consumer whose flow is on, with a fetch underway."""
    half = object.__new__(GroupConsumer)
    half.consumer, half.epoch = SimpleNamespace(flow_active=True), Epoch(1, 1_000)
    fetch = asyncio.create_task(half._fetch_records(client, {TABLE_LOG, CELLS}, timeout=1.0))
    await asyncio.sleep(0)
    return half, fetch


async def test_records_are_handed_over_while_nothing_moves():
    """The usual case: what was fetched is delivered, and no position is touched."""
    client = Client({TABLE_LOG, CELLS})
    _, fetch = await fetching(client)
    client.arrive({TABLE_LOG: 7, CELLS: 5})
    assert [*await fetch] == [TP(*TABLE_LOG), TP(*CELLS)]
    assert client.sought == {}


@pytest.mark.parametrize("moved", ["flow stopped", "new epoch"])
async def test_a_fetch_that_a_rebalance_overtook_is_undone(moved):
    """Else recovery of a table waits for ever: it has sought the log already, and what it sought was thrown away."""
    client = Client({TABLE_LOG, CELLS})
    half, fetch = await fetching(client)
    if moved == "flow stopped":
        half.consumer.flow_active = False
    else:
        half.epoch = Epoch(2, 2_000)
    client.arrive({TABLE_LOG: 7, CELLS: 5})
    assert await fetch == {}
    assert client.sought == {TABLE_LOG: 7, CELLS: 5}


async def test_partitions_that_went_meanwhile_are_left_alone():
    """Their position is not this worker's any more; aiokafka would raise."""
    client = Client({CELLS})
    half, fetch = await fetching(client)
    half.consumer.flow_active = False
    client.arrive({TABLE_LOG: 7, CELLS: 5})
    assert await fetch == {}
    assert client.sought == {CELLS: 5}


class Broker:
    """A broker whose two logs, of ten records each, were committed up to offset 5 with a note each."""

    def __init__(self, noted_ms):
        found = {tp: OffsetAndMetadata(5, str(CommitNote(at_ms, 1))) for tp, at_ms in noted_ms.items()}
        self._coordinator = SimpleNamespace(fetch_committed_offsets=lambda _tps: _soon(found))

    async def beginning_offsets(self, tps):
        """All are whole."""
        return dict.fromkeys(tps, 0)

    async def end_offsets(self, tps):
        """All are as long."""
        return dict.fromkeys(tps, 10)


async def _soon(value):
    return value


async def test_who_rewinds_nothing_knows_all_the_same_what_was_committed():
    """QUOTES reads its answers back from there: the earlier of the two notes."""
    requests, events = TopicPartition("quote-requests.v1", 3), TopicPartition("ride-events.v1", 3)
    policies = {requests.topic: None, events.topic: None}
    logs, stamps = await _logs(Broker({requests: 7_000, events: 4_000}), [requests, events], policies)
    assert stamps == {3: 4_000}
    assert {log.rewound for log in logs.values()} == {None}
