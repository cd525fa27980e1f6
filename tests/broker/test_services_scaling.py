"""A second worker of every service joins under load and leaves again: everything stays exact and is said once."""

import asyncio
import json
import subprocess
import sys
from contextlib import aclosing
from functools import partial

import pytest

from infra.clients.consumer import Edge, tail
from infra.clients.registry import Registry
from infra.clients.schema_ids import SchemaIds
from tests.broker import kafka, services, services_checks
from tests.broker.services_load import loading
from tests.broker.services_seen import seen
from tests.broker.services_settling import settled
from topics.catalogue import DEMAND_CELLS, SUPPLY_CELLS, SURGE
from topics.counts import CountKind
from topics.roles import PRICING_CHAIN

pytestmark = [pytest.mark.broker, pytest.mark.alone, pytest.mark.timeout(300)]

PARTITIONS = 4
SHARED_LIMIT_S = 120.0


async def writers_are(connection, topic, count):
    """Wait until all partitions are written to in one generation, by that many workers.

    Counts are told by their source partition, ticks by the partition they stand in.
    """
    newest = {}
    try:
        async with asyncio.timeout(SHARED_LIMIT_S):
            await _heard(connection, topic, count, newest)
    except TimeoutError:
        pytest.fail(f"{topic.name} is not shared by {count} after {SHARED_LIMIT_S:.0f} s: {newest}")


async def _heard(connection, topic, count, newest):
    async with (
        Registry(connection) as registry,
        aclosing(tail(connection, topic, SchemaIds(registry), start=Edge.LATEST)) as entries,
    ):
        async for entry in entries:
            said = entry.decoded()
            if topic is SURGE:
                newest[entry.partition] = said.epoch_generation, said.epoch_started_ms
            elif said.kind is CountKind.ALIVE:
                newest[said.source_partition] = said.epoch_generation, said.epoch_started_ms
            epochs = set(newest.values())
            if len(newest) == PARTITIONS and len(epochs) == count and len({number for number, _ in epochs}) == 1:
                break


async def all_are(connection, count):
    """Wait until each service that says its epoch has that many workers."""
    await asyncio.gather(*(writers_are(connection, topic, count) for topic in (SUPPLY_CELLS, DEMAND_CELLS, SURGE)))


async def retired(instance, workers):
    """Say on the command line that the worker will not come back; its session of five seconds may have ended first."""
    service = instance.partition("-")[0]
    command = [sys.executable, "-m", "infra.cli", "retire", service, instance, "never-there", "--json"]
    run = partial(subprocess.run, command, env=workers.environment, cwd=kafka.ROOT, capture_output=True, check=False)
    done = await asyncio.to_thread(run)
    said = json.loads(done.stdout)
    assert said["service"] == service
    assert "never-there" in said["not_in_the_group"]
    assert {*said["retired"], *said["not_in_the_group"]} == {instance, "never-there"}


async def test_workers_join_and_leave_without_a_trace(service_stack, tmp_path):
    """Two workers share the partitions of each service, one leaves for good; counts, quotes and prices stay exact."""
    connection = await services.prepared(service_stack)
    second = [f"{service}-1" for service in PRICING_CHAIN]
    async with services.running(service_stack, tmp_path) as (workers, _):
        async with loading(connection, seed=2000):
            for instance in second:
                workers.start(instance)
            await all_are(connection, 2)
            workers.check()
            await workers.end(second)
            for instance in second:
                await retired(instance, workers)
            await all_are(connection, 1)
            workers.check()
        await settled(connection)
        await workers.end([*workers.processes])
    found = await seen(connection)
    status, said = await asyncio.to_thread(services_checks.recount, service_stack)
    assert status == 0, said["examples"]
    services_checks.check_quotes(found)
    services_checks.check_decisions(found)
    services_checks.check_ticks(found)
    await services_checks.check_table(service_stack.bootstrap, found)
    assert services_checks.dead_letters(found).keys() == services_checks.broken(found)
    assert services_checks.ledger(found).keys() == services_checks.late(found)
