"""What broken records cost: SUPPLY's processor time at a steady rate, without broken pings and with one in a hundred.

    python -m tests.faults.bad_share [--pings 20000] [--seconds 20] [--rounds 2]

Both loads take turns on one worker, so that what the machine does besides falls on both. Every broken ping becomes a
dead letter, which is counted in its topic. Exit code 1 if broken records take more than a twentieth of a core.
"""

import argparse
import asyncio
import logging
import sys
import tempfile
import time
from pathlib import Path

import psutil

from infra.embedded.stack import EmbeddedStack
from tests.broker import kafka
from tests.broker import services_pings as fleet
from tests.broker.services import partitions, prepared
from tests.broker.services_load import STEP_S, Load, Size, loading
from tests.faults.run import environment_of
from tests.faults.supervised import Supervised
from topics.catalogue import DRIVER_PINGS, dead_letters_of

SHARE = 0.01
LIMIT_CORES = 0.05
WARM_S = 5.0
DLQ = dead_letters_of(DRIVER_PINGS).name


async def measured(stack: EmbeddedStack, logs: Path, asked: argparse.Namespace) -> dict[float, list[float]]:
    """Cores used by SUPPLY in each round, by the share of broken pings."""
    connection = await prepared(stack)
    workers = Supervised(environment_of(stack, logs), logs)
    supervising = asyncio.create_task(workers.supervise())
    found: dict[float, list[float]] = {0.0: [], SHARE: []}
    try:
        workers.start("supply-0")
        supply = psutil.Process(await workers.running("supply-0"))
        async with loading(connection, 1, Size.of_rates(0.0, 0.0)) as load:
            load.fleet = fleet.PingFleet(
                1,
                drivers=round(asked.pings * fleet.PING_EVERY_STEPS * STEP_S),
                silent=0,
                schema_id=load.codecs[DRIVER_PINGS].schema_id,
                partitions=(await partitions(stack.bootstrap))[DRIVER_PINGS.name],
            )
            for number in range(asked.rounds * 2):
                share = (0.0, SHARE)[number % 2]
                fleet.BROKEN = share
                await _publish(load, WARM_S)
                before = _cpu_s(supply)
                rate = await _publish(load, asked.seconds)
                found[share].append((_cpu_s(supply) - before) / asked.seconds)
                sys.stdout.write(f"{share:.0%} broken at {rate:,.0f}/s: {found[share][-1]:.3f} cores\n")
                sys.stdout.flush()
        await workers.end(["supply-0"])
    finally:
        supervising.cancel()
        workers.kill_all()
    letters = len(await kafka.read_all(stack.bootstrap, DLQ, 1))
    sys.stdout.write(f"{letters:,} dead letters\n")
    return found


async def _publish(load: Load, seconds: float) -> float:
    """Publish a step of the fleet twenty times a second; the rate that was reached."""
    begun_s, sent = time.monotonic(), 0
    for step in range(round(seconds / STEP_S)):
        records = [*load.fleet.pings(step, load._broken_ping)]
        await load.publisher.send(records)
        sent += len(records)
        await asyncio.sleep(max(0.0, begun_s + step * STEP_S - time.monotonic()))  # the pace of the load
    return sent / (time.monotonic() - begun_s)


def _cpu_s(process: psutil.Process) -> float:
    used = process.cpu_times()
    return float(used.user + used.system)


def main() -> int:
    """Measure, say it, and compare with the limit."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.bad_share", description=__doc__)
    parser.add_argument("--pings", type=float, default=20_000.0)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rounds", type=int, default=2)
    asked = parser.parse_args()
    logging.disable(logging.CRITICAL)
    state = Path(tempfile.mkdtemp(prefix="faretide-bad-share-"))
    state.chmod(0o711)
    (state / "logs").mkdir()
    with EmbeddedStack(state / "stack", cache_dir=kafka.ROOT / ".faretide" / "cache") as stack:
        found = asyncio.run(measured(stack, state / "logs", asked))
    cost = min(found[SHARE]) - min(found[0.0])
    sys.stdout.write(f"broken records cost {cost:.3f} cores, {cost / (SHARE * asked.pings) * 1e6:.0f} µs each\n")
    return 0 if cost < LIMIT_CORES else 1


if __name__ == "__main__":
    sys.exit(main())
