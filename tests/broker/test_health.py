"""What the endpoint of a running worker says when something is wrong with it."""

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaProducer
from faust.types import TP

from agents.runtime.app import WorkerApp
from agents.runtime.batches import Reading, batches
from agents.runtime.health import Limits
from agents.runtime.health_watch import HealthWatch
from agents.runtime.metrics_endpoint import Endpoint, serving
from agents.runtime.rewind import Span
from agents.runtime.telemetry import Meter
from tests.broker import kafka, running
from windows.epochs import Epoch

pytestmark = pytest.mark.broker

SOON = Limits(loop_s=0.6, reading_s=1.0, broker_s=10.0)


@asynccontextmanager
async def observed(app: WorkerApp) -> AsyncIterator[httpx.Client]:
    """Run the app; a client of its endpoint is yielded."""
    meter = Meter(service="toy", worker="toy-0")
    endpoint = Endpoint(("127.0.0.1", 0), "toy", meter, HealthWatch(app, meter, SOON))
    with serving(endpoint) as port, httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        async with running.running(app):
            yield client


def told(client: httpx.Client, path: str) -> tuple[int, str]:
    """Status and reasons."""
    answer = client.get(path)
    return answer.status_code, "; ".join(answer.json()["reasons"])


async def until_told(client: httpx.Client, path: str, status: int, reason: str) -> None:
    """Wait for a status with this in its reasons, and for no other."""
    seen: list[tuple[int, str]] = []

    def holds() -> bool:
        seen[:] = [told(client, path)]
        return seen[0][0] == status and reason in seen[0][1]

    await kafka.until(holds, f"{path} says {status} {reason}", limit_s=15.0)


async def publish(bootstrap: str, topic: str, values: list[bytes]) -> None:
    """Publish to partition 0."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
        for value in values:
            await producer.send_and_wait(topic, value, partition=0)


async def toy(bootstrap: str) -> tuple[WorkerApp, str]:
    """An app and an empty topic of one partition."""
    topic = kafka.named("health")
    await kafka.create(bootstrap, {topic: 1})
    return running.new_app(bootstrap, kafka.named("group")), topic


async def test_reading_that_stops_while_records_wait_is_not_live(stack):
    """An agent that never comes back from its batch is told of, though the loop goes on and the lag grows."""
    app, topic = await toy(stack.bootstrap)
    forever = asyncio.Event()

    @app.agent(app.batched_topic(topic, Reading()))
    async def agent(stream: Any) -> None:
        async for _ in batches(stream):
            await forever.wait()

    async with observed(app) as client:
        await until_told(client, "/readyz", 200, "")
        await publish(stack.bootstrap, topic, [b"1", b"2"])
        await until_told(client, "/livez", 503, "reading stopped: no batch done for 1 s")
        assert told(client, "/readyz")[0] == 503
        assert 'faretide_live{service="toy"} 0.0' in client.get("/metrics").text
        forever.set()
        await until_told(client, "/livez", 200, "")


async def test_a_fetcher_that_falls_silent_is_not_live(stack):
    """Records the worker was never told of are known from the broker: no fetch is needed to see that they wait."""
    app, topic = await toy(stack.bootstrap)

    @app.agent(app.batched_topic(topic, Reading()))
    async def agent(stream: Any) -> None:
        async for _ in batches(stream):
            pass

    async with observed(app) as client:
        await until_told(client, "/readyz", 200, "")
        app.consumer._thread._fetch_records = lambda *_args, **_kwargs: asyncio.Event().wait()
        await publish(stack.bootstrap, topic, [b"1"] * 3)
        await until_told(client, "/livez", 503, "reading stopped")


async def test_a_stuck_event_loop_is_not_live(stack):
    """The endpoint answers all the same, since it has threads of its own."""
    app, topic = await toy(stack.bootstrap)

    @app.agent(app.batched_topic(topic, Reading()))
    async def agent(stream: Any) -> None:
        async for _ in batches(stream):
            pass

    async with observed(app) as client:
        await until_told(client, "/livez", 200, "")
        seen = threading.Event()

        def look() -> None:
            while told(client, "/livez")[0] == 200:
                pass
            seen.set()

        threading.Thread(target=look, daemon=True).start()
        assert seen.wait(5.0)  # holds the loop until the probe has seen it
        assert "the event loop has been stuck" in told(client, "/livez")[1]
        await until_told(client, "/livez", 200, "")


async def test_not_ready_while_its_state_is_read_back_and_read_again(stack):
    """Live all the while; ready once the agents know of their partitions and have passed their commits."""
    app, topic = await toy(stack.bootstrap)
    told_epoch, gate = asyncio.Event(), asyncio.Event()

    async def began(_epoch: Epoch, _spans: Mapping[TP, Span]) -> None:
        told_epoch.set()
        await gate.wait()

    app.on_began(began)

    @app.agent(app.batched_topic(topic, Reading()))
    async def agent(stream: Any) -> None:
        async for _ in batches(stream):
            pass

    async with observed(app) as client:
        await told_epoch.wait()
        await until_told(client, "/readyz", 503, "read back")
        assert told(client, "/livez")[0] == 200
        gate.set()
        await until_told(client, "/readyz", 200, "")


async def test_before_it_starts_and_after_it_is_told_to_stop_a_worker_is_not_ready(stack):
    """A probe that comes early gets an answer, and an ending worker is not taken for a broken one."""
    app, topic = await toy(stack.bootstrap)

    @app.agent(app.batched_topic(topic, Reading()))
    async def agent(stream: Any) -> None:
        async for _ in batches(stream):
            pass

    meter = Meter(service="toy", worker="toy-0")
    endpoint = Endpoint(("127.0.0.1", 0), "toy", meter, HealthWatch(app, meter, SOON))
    with serving(endpoint) as port, httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        assert told(client, "/readyz") == (503, "it starts")
        assert told(client, "/livez") == (200, "")
        async with running.running(app):
            await until_told(client, "/readyz", 200, "")
        assert told(client, "/readyz") == (503, "it stops")
        assert told(client, "/livez") == (200, "")
