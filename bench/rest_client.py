"""Riders outside the request-driven baseline, in a process of their own: the same rides, over HTTP and JSON."""

import asyncio
import json
import sys
import time
from typing import Any

import aiohttp
import numpy as np
import uvloop

from bench.city import read_places
from bench.open_loop import TIMEOUT_S, Phase, arrivals, run_phase
from bench.quote_client import PRODUCTS, RIDERS, RIDES, SHARES

CONNECTIONS = 200


class Riders:
    """Asks over a pool of kept connections, each request a task of its own."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        dice, places = np.random.default_rng(1), read_places()
        ends = dice.integers(0, places.lat.size, (RIDES, 2)).tolist()
        products = dice.choice(len(PRODUCTS), RIDES, p=SHARES).tolist()
        lat, lon = places.lat.tolist(), places.lon.tolist()
        self._rides = [
            {
                "pickup_lat": lat[pickup],
                "pickup_lon": lon[pickup],
                "dropoff_lat": lat[dropoff],
                "dropoff_lon": lon[dropoff],
                "product": PRODUCTS[product],
            }
            for (pickup, dropoff), product in zip(ends, products, strict=True)
        ]
        self._url, self._session = url, session
        self._asking: set[asyncio.Task[None]] = set()

    async def ask(self, per_s: float, seconds: float, run: int) -> dict[str, Any]:
        """One phase."""
        phase = Phase(per_s=per_s, due_s=arrivals(per_s, seconds, run))

        async def send(first: int, last: int) -> None:
            for number in range(first, last):
                task = asyncio.create_task(self._one(phase, run, number))
                self._asking.add(task)
                task.add_done_callback(self._asking.discard)

        said = dict(await run_phase(phase, send))
        for task in self._asking:
            task.cancel()
        return said

    async def _one(self, phase: Phase, run: int, number: int) -> None:
        ride = self._rides[number % RIDES] | {
            "request_id": f"{run:08x}-{number:08d}",
            "rider_id": f"bench-rider-{number % RIDERS:06d}",
            "at_ms": time.time_ns() // 1_000_000,
        }
        try:
            async with self._session.post(self._url, json=ride) as response:
                said = await response.json()
        except (aiohttp.ClientError, TimeoutError):
            return  # it stays without an answer
        if response.status == 200 and said["request_id"] == ride["request_id"]:
            phase.answer(number, asyncio.get_running_loop().time())


async def _serve(said: dict[str, Any]) -> None:
    connector = aiohttp.TCPConnector(limit=CONNECTIONS)
    timeout = aiohttp.ClientTimeout(total=4 * TIMEOUT_S)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        riders = Riders(said["url"], session)
        while line := await asyncio.to_thread(sys.stdin.readline):
            wanted = json.loads(line)
            sys.stdout.write(json.dumps(await riders.ask(wanted["per_s"], wanted["seconds"], wanted["run"])) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(json.loads(sys.argv[1])))
