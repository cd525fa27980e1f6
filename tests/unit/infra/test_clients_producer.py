"""A Publisher gives up on brokers that are away within a bounded time, though its producer would try for ever."""

import asyncio
import gc

import pytest
from aiokafka.errors import NodeNotReadyError
from aiokafka.protocol.metadata import MetadataResponse_v1

from infra.clients import producer as module
from infra.clients.connection import Connection
from infra.clients.endpoints import Endpoints
from infra.clients.errors import UnreachableError
from infra.clients.producer import Publisher
from topics.catalogue import DRIVER_PINGS
from topics.events import DriverPinged, DriverStatus

CONNECTION = Connection(endpoints=Endpoints(bootstrap="127.0.0.1:1", registry_url=""))
PING = DriverPinged(driver_id="d", at_ms=1, lat=0.0, lon=0.0, status=DriverStatus.IDLE, products=["xl"])
CITY = MetadataResponse_v1([(1, "127.0.0.1", 1, None)], 1, [(0, DRIVER_PINGS.name, False, [(0, 0, 1, [1], [1])])])


async def _start(producer, _connection):
    """Have the producer of aiokafka believe that it had a broker, which is away since then."""

    async def away(*_request, **_options):
        raise NodeNotReadyError

    async def known(*_topic):
        return {0}

    producer.client.cluster.update_metadata(CITY)
    producer.client.send, producer.client._wait_on_metadata = away, known
    producer._txn_manager.set_pid_and_epoch(1, 0)
    await producer._sender.start()


@pytest.fixture
def publisher(monkeypatch):
    """One whose broker went away after it was entered; it has a tenth of a second where others have more."""
    monkeypatch.setattr(module, "start", _start)
    for name in ("FLUSH_S", "FAILED_FLUSH_S", "WRITTEN_S"):
        monkeypatch.setattr(module, name, 0.1)
    return Publisher(CONNECTION, {DRIVER_PINGS.name: 1}, source="test", linger_ms=0)


async def test_leaving_says_how_many_records_no_broker_acknowledged(publisher):
    """And whoever waits for one of them is told, too."""
    with pytest.raises(UnreachableError, match="2 records were handed over and not acknowledged"):
        async with asyncio.timeout(60), publisher:
            sent = await asyncio.gather(*(publisher.publish(DRIVER_PINGS, PING) for _ in range(2)))
    assert all(future.done() for future in sent)


async def test_leaving_disconnects_from_a_broker_that_is_silent(publisher, caplog):
    """A request to it is under way and nobody will answer it; nor is anything logged of records nobody waits for."""
    closed = []

    async def silent(*_request):
        await asyncio.Event().wait()

    async def close():
        closed.append(True)

    async def leave():
        async with asyncio.timeout(60), publisher:
            publisher._producer.client.send, publisher._producer.client.close = silent, close
            await publisher.publish(DRIVER_PINGS, PING)

    with pytest.raises(UnreachableError, match="1 records"):
        await leave()
    gc.collect()
    assert closed
    assert "never retrieved" not in caplog.text


async def test_leaving_keeps_the_error_that_leaves(publisher):
    """It says more than that nobody acknowledges."""

    async def fail():
        async with asyncio.timeout(60), publisher:
            await publisher.publish(DRIVER_PINGS, PING)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()


async def test_waiting_for_acknowledgements_ends(publisher):
    """With an error that says that trying later may work."""
    with pytest.raises(UnreachableError, match=r"publishing to driver-pings.v1: no acknowledgement for 0.1 s"):
        async with asyncio.timeout(60), publisher:
            await publisher.written(DRIVER_PINGS, [await publisher.publish(DRIVER_PINGS, PING)])


async def test_leaving_after_nothing_was_handed_over_is_no_error(publisher):
    """There is nothing that could be lost."""
    async with asyncio.timeout(60), publisher:
        pass
