"""The four services on a real broker: what they publish equals an independent recount, and everything is said once."""

import asyncio

import pytest

from tests.broker import kafka, services, services_checks
from tests.broker.services_load import loading
from tests.broker.services_seen import seen
from tests.broker.services_settling import settled

pytestmark = [pytest.mark.broker, pytest.mark.alone, pytest.mark.timeout(300)]

LOAD_S = 8.0
FEWEST, FEWEST_ASKED = 10, 3
"""Broken and late records are a few percent each: with fewer than this the claims about them would be empty."""
LOAD_LIMIT_S = 60.0


async def test_everything_published_equals_a_recount_of_the_topics(service_stack, tmp_path):
    """Counts of every cell, quotes, decisions, dead letters and the ledger of late events are exact, each said once."""
    connection, since_ms = await services.prepared(service_stack), services.now_ms()
    async with services.running(service_stack, tmp_path) as (workers, _):
        async with loading(connection, seed=1) as load:
            await asyncio.sleep(LOAD_S)  # the length of the load, more where the machine is slow
            await kafka.until(lambda: has_faults(load), "a load with faults", LOAD_LIMIT_S)
        await settled(connection)
        await workers.end([*workers.processes])
    found = await seen(connection)
    status, said = await asyncio.to_thread(services_checks.recount, service_stack)
    assert status == 0, said["examples"]
    services_checks.check_quotes(found)
    services_checks.check_decisions(found)
    services_checks.check_ticks(found)
    await services_checks.check_table(service_stack.bootstrap, found)
    check_ledgers(found, since_ms)
    for tamper in ("drop", "double"):
        status, said = await asyncio.to_thread(services_checks.recount, service_stack, "--tamper", tamper)
        assert (status, said["differences"] > 0) == (1, True)


def has_faults(load):
    """Whether there are enough records that must be refused or are late; some of these late when a window is new."""
    return min(load.broken, load.late // 2) >= FEWEST and load.late_asked >= FEWEST_ASKED


def check_ledgers(found, since_ms):
    """Dead letters and late events are exactly those there are; without a crash since, each is told of once."""
    for told, there in (
        (services_checks.dead_letters(found), services_checks.broken),
        (services_checks.ledger(found), services_checks.late),
    ):
        once = there(found, since_ms)
        assert told.keys() == there(found)
        assert len(once) >= FEWEST
        assert all(told[place] == 1 for place in once)
