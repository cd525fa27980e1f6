"""A worker of the harness and its keeper: `python -m tests.faults.kept_worker SERVICE INSTANCE ORDERS FD`.

The keeper tells FD of each worker's start and end. Before a worker begins it looks into the directory ORDERS: a file
`INSTANCE.arm` holds "POINT NTH HOW" for `crash_points.arm`, and is used up; while there is `INSTANCE.wait` it waits, so
that a second worker can stand ready with its code loaded and join at a stated instant.
"""

import asyncio
import sys
import time
from pathlib import Path

from agents.services import load, surroundings
from infra.cli.worker import connection_within, kept
from infra.logging import configure
from infra.settings import read_settings
from tests.faults.crash_points import arm

LOOK_EVERY_S = 0.02


def main(service: str, instance: str, orders: Path, tell: int) -> int:
    """Keep one worker running; returns its exit code."""
    settings = read_settings()
    configure(service, settings.log_format, settings.log_level)
    load(service)
    worker = asyncio.run(surroundings(service, settings, connection_within(settings, service, 0.0)))

    def first() -> None:
        while (orders / f"{instance}.wait").exists():
            time.sleep(LOOK_EVERY_S)
        armed = orders / f"{instance}.arm"
        if armed.exists():
            point, nth, how = armed.read_text().split()
            armed.unlink()
            arm(point, int(nth), how)

    return kept(service, settings, worker, tell=tell, first=first, pauses_s=(0.0,) * 1000)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])))
