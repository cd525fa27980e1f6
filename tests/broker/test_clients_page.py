"""The Python programs printed in docs/clients.md are run as they stand there, against the four services."""

import asyncio
import os
import re
import subprocess
import sys

import numpy as np
import pytest

from infra.clients.consumer import Edge, tail
from infra.clients.registry import Registry
from infra.clients.schema_ids import SchemaIds
from simulation.city import City
from simulation.fleet import Pings
from simulation.over_topics import TopicsWire
from simulation.plan import CityPlan
from tests.broker import kafka, services
from tests.unit.simulation.cities import history
from topics.catalogue import DRIVER_PINGS

pytestmark = [pytest.mark.broker, pytest.mark.alone, pytest.mark.timeout(300)]

PAGE = kafka.ROOT / "docs" / "clients.md"


def programs():
    """The page's Python blocks by what they import."""
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return {"faretide" if "from faretide" in block else "confluent_kafka": block for block in blocks}


def run(program, stack):
    """A program in a process of its own; its output."""
    servers = {"FARETIDE_BOOTSTRAP": stack.bootstrap, "FARETIDE_REGISTRY_URL": stack.registry_url}
    environment = {**os.environ, **servers, "PYTHONPATH": str(kafka.ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


async def test_the_programs_of_the_page_get_a_price(service_stack, tmp_path):
    """Our client gets a price and books it; the official one gets a price with nothing of ours."""
    await services.prepared(service_stack)
    async with services.running(service_stack, tmp_path):
        found = programs()
        ours = await asyncio.to_thread(run, found["faretide"], service_stack)
        theirs = await asyncio.to_thread(run, found["confluent_kafka"], service_stack)
    assert re.fullmatch(r"\d+ USD \[.*\]\nACCEPTED \n", ours)
    assert re.fullmatch(r"PRICED \d+ USD \n", theirs)


async def test_pings_of_the_city_say_where_they_come_from(service_stack):
    """Pings carry `ce_source` alone: a worker names the producers of a partitioner mixture by it."""
    connection = await services.prepared(service_stack)
    at_ms = services.now_ms()
    city = City(CityPlan(drivers=3), history({"2014-05-13T08:30": 40}), start_ms=at_ms)
    cars = np.arange(3)
    pings = Pings(
        at_ms=at_ms,
        car=cars,
        x=np.zeros(3),
        y=np.zeros(3),
        state=np.zeros(3, np.int8),
        free_at_ms=np.zeros(3, np.int64),
    )
    async with TopicsWire(connection, city) as wire:
        await wire.send_pings(pings)
    async with Registry(connection) as registry:
        found = [
            e async for e in tail(connection, DRIVER_PINGS, SchemaIds(registry), start=Edge.EARLIEST, follow=False)
        ]
    mine = [e for e in found if e.record is not None and e.record.driver_id in city.driver_ids]
    assert len(mine) == 3
    assert {e.headers for e in mine} == {(("ce_source", b"city"),)}
