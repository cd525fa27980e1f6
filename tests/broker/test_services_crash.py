"""The four services are killed again and again under load: everything is exact and said once all the same.

Killed are each service alone, three times at seeded instants, and two pairs at once. Every other time the instant lies
within two seconds after the service wrote again, so in full work; else it may also lie in the middle of its recovery.
"""

import asyncio
import os
import random
from collections import defaultdict

import pytest

from tests.broker import kafka, services, services_checks
from tests.broker.services_load import loading
from tests.broker.services_settling import settled

pytestmark = [pytest.mark.broker, pytest.mark.timeout(400)]

SEEDS = range(1, int(os.environ.get("SEEDS", "1")) + 1)
KILLS_EACH = 3
TOGETHER = [("demand", "quotes"), ("supply", "pricing")]
RECOVERY_LIMIT_S = 30.0


def victims(dice):
    """Who is killed, in which order."""
    kills = [*[(service,) for service in services.SERVICES] * KILLS_EACH, *TOGETHER]
    dice.shuffle(kills)
    return kills


async def kill_all_in_turn(workers, pulse, dice):
    """Kill by the seeded plan and return, per service, the milliseconds from each kill to its next record."""
    killed_ms = defaultdict(list)
    for number, chosen in enumerate(victims(dice)):
        if number % 2 == 0:
            await working(workers, pulse, chosen)
        await asyncio.sleep(dice.uniform(0.0, 2.0))  # a seeded instant
        at_ms = workers.kill(f"{service}-0" for service in chosen)
        for service in chosen:
            killed_ms[service].append(at_ms)
    await working(workers, pulse, services.SERVICES)
    return {
        service: [pulse.first_after(service, at_ms) - at_ms for at_ms in instants]
        for service, instants in killed_ms.items()
    }


async def working(workers, pulse, chosen):
    """Wait until each of these has written since it was started last."""

    def written():
        workers.check()
        return all(pulse.last_ms.get(service, 0) > workers.started_ms[f"{service}-0"] for service in chosen)

    await kafka.until(written, f"{', '.join(chosen)} write again", RECOVERY_LIMIT_S)


@pytest.mark.parametrize("seed", SEEDS)
async def test_kills_under_load_leave_no_trace(service_stack, tmp_path, seed, record_property):
    """After kill -9 of every service all counts equal a recount, and each quote and decision was given once."""
    connection = await services.prepared(service_stack)
    async with services.running(service_stack, tmp_path) as (workers, pulse):
        async with loading(connection, seed=1000 + seed):
            recovery_ms = await kill_all_in_turn(workers, pulse, random.Random(seed))
        await settled(connection)
        await workers.end([*workers.processes])
    record_property("recovery_ms", recovery_ms)
    print(f"kill -9 to the next record, ms: {recovery_ms}")  # noqa: T201  seen with -s or on failure
    found = await services_checks.seen(connection)
    status, said = await asyncio.to_thread(services_checks.recount, service_stack)
    assert status == 0, said["examples"]
    services_checks.check_quotes(found)
    services_checks.check_decisions(found)
    services_checks.check_ticks(found)
    await services_checks.check_table(service_stack.bootstrap, found)
    assert services_checks.dead_letters(found).keys() == services_checks.broken(found)
    assert services_checks.ledger(found).keys() == services_checks.late(found)
