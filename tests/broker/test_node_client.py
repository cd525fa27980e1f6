"""The Node client of docs/clients against the four services: installed from its lock file, tested, run."""

import asyncio
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from infra.clients.consumer import Edge, tail
from infra.clients.registry import Registry
from infra.clients.schema_ids import SchemaIds
from tests.broker import services
from topics.catalogue import DRIVER_PINGS, QUOTE_REQUESTS, RIDE_EVENTS
from topics.partitioners import Partitioner, partition_of

pytestmark = [pytest.mark.broker, pytest.mark.alone, pytest.mark.timeout(300)]

SOURCE = Path(__file__).parents[2] / "docs" / "clients"
OLDEST = (20, 19)


def run(directory, *command, **environment):
    """A command in the client's directory, its output kept."""
    return subprocess.run(
        command,
        cwd=directory,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def node_client(tmp_path_factory):
    """A copy of the client with its packages installed; skipped where that cannot be."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("no node and npm on the path")
    version = run(SOURCE, "node", "--version").stdout.strip()
    if tuple(int(part) for part in version.removeprefix("v").split(".")[:2]) < OLDEST:
        pytest.skip(f"node must be {OLDEST[0]}.{OLDEST[1]} or newer, this is {version}")
    root = tmp_path_factory.mktemp("node-client")
    shutil.copytree(SOURCE, root / "docs" / "clients", ignore=shutil.ignore_patterns("node_modules"))
    shutil.copytree(SOURCE.parents[1] / "avro", root / "avro")
    directory = root / "docs" / "clients" / "node"
    installed = run(directory, "npm", "ci")
    if installed.returncode != 0:
        pytest.skip(f"npm cannot install here: {installed.stderr.strip()[-300:]}")
    return directory


def test_its_own_tests_pass(node_client):
    """Frame, Avro, partitioner and headers by the vectors that the services are held to as well."""
    done = run(node_client, "npm", "test")
    assert done.returncode == 0, done.stdout[-3000:]
    assert re.search(r"^# pass [1-9]\d*$", done.stdout, re.MULTILINE)


async def test_it_gets_a_quote_books_it_and_is_refused_by_name(node_client, service_stack, tmp_path):
    """Price, lines, lock and booking on its output; its records stand where all producers' do, with their headers."""
    connection = await services.prepared(service_stack)
    servers = {"FARETIDE_BOOTSTRAP": service_stack.bootstrap, "FARETIDE_REGISTRY_URL": service_stack.registry_url}
    async with services.running(service_stack, tmp_path):
        booked = await asyncio_run(node_client, "node", "src/example.js", "--timeout", "25", **servers)
        refused = await asyncio_run(
            node_client, "node", "src/example.js", "--pickup", "10,10", "--timeout", "25", **servers
        )
    assert booked.returncode == 0, booked.stderr
    assert re.search(r"^\d+\.\d\d USD for standard, \d\.\d\dx, locked for 120 s$", booked.stdout, re.MULTILINE)
    assert re.search(r"^  base +\d+\.\d\d USD$", booked.stdout, re.MULTILINE)
    assert re.search(r"^booking accepted, ride-", booked.stdout, re.MULTILINE)
    assert (refused.returncode, refused.stdout) == (5, "refused: outside-every-market\n")
    async with Registry(connection) as registry:
        for topic in (DRIVER_PINGS, QUOTE_REQUESTS, RIDE_EVENTS):
            await check_records(connection, topic, SchemaIds(registry))


async def check_records(connection, topic, ids):
    """Every record of the example is decoded, in the partition of its key, and says who sent it."""
    entries = [entry async for entry in tail(connection, topic, ids, start=Edge.EARLIEST, follow=False)]
    mine = [entry for entry in entries if dict(entry.headers).get("ce_source") == b"node-example"]
    count = (await services.partitions(connection.endpoints.bootstrap))[topic.name]
    assert mine
    for entry in mine:
        assert entry.problem == ""
        assert entry.partition == partition_of(Partitioner.MURMUR2, entry.key, count)
        assert {name for name, _ in entry.headers} == {"ce_id", "ce_source", "ce_type", "ce_time"}


async def asyncio_run(*arguments, **environment):
    """As `run`, while this loop goes on."""
    return await asyncio.to_thread(run, *arguments, **environment)


def test_without_servers_it_says_what_to_do(node_client):
    """No settings: how to set them. No broker: which address. One sentence each, no stack."""
    unset = run(node_client, "node", "src/example.js", FARETIDE_BOOTSTRAP="", FARETIDE_REGISTRY_URL="")
    assert (unset.returncode, unset.stderr.count("\n")) == (2, 1)
    nowhere = {"FARETIDE_BOOTSTRAP": "127.0.0.1:1", "FARETIDE_REGISTRY_URL": "http://127.0.0.1:1"}
    lost = run(node_client, "node", "src/example.js", **nowhere)
    assert (lost.returncode, lost.stderr.count("\n")) == (1, 1)
    assert "127.0.0.1:1" in lost.stderr
