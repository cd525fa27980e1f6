"""The four services on a real broker: what they publish equals an independent recount, and everything is said once."""

import asyncio
import os

import pytest

from tests.broker import services, services_checks
from tests.broker.services_load import loading

pytestmark = [pytest.mark.broker, pytest.mark.timeout(300)]

LOAD_S = 8.0


async def test_everything_published_equals_a_recount_of_the_topics(service_stack, tmp_path):
    """Counts of every cell, quotes, decisions, dead letters and the ledger of late events are exact, each said once."""
    connection = await services.prepared(service_stack)
    async with services.running(service_stack, tmp_path) as (workers, _):
        async with loading(connection, seed=int(os.environ.get("FARETIDE_SEED", "1"))):
            await asyncio.sleep(LOAD_S)  # the length of the load
        await services_checks.settled(connection)
        await workers.end([*workers.processes])
    found = await services_checks.seen(connection)
    status, said = await asyncio.to_thread(services_checks.recount, service_stack)
    assert status == 0, said["examples"]
    services_checks.check_quotes(found)
    services_checks.check_decisions(found)
    services_checks.check_ticks(found)
    await services_checks.check_table(service_stack.bootstrap, found)
    assert services_checks.dead_letters(found) == dict.fromkeys(services_checks.broken(found), 1)
    assert services_checks.ledger(found) == dict.fromkeys(services_checks.late(found), 1)
    for tamper in ("drop", "double"):
        status, said = await asyncio.to_thread(services_checks.recount, service_stack, "--tamper", tamper)
        assert (status, said["differences"] > 0) == (1, True)
