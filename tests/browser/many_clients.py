"""Fifty pages on one dashboard: what share of a core the server takes, and how old a frame is when it arrives.

    python -m tests.browser.many_clients ws://127.0.0.1:8787 --token operate --pid 1234 --clients 50 --seconds 60

Each client watches every board and applies every frame, as a page does. The delay runs from the server's clock in the
frame to the client's, both on this machine. Prints one JSON line.
"""

import argparse
import asyncio
import json
import time
from dataclasses import dataclass, field

import orjson
import psutil
from websockets.asyncio.client import connect

BOARDS = ["lineage", "map", "quotes", "losses"]


@dataclass(slots=True)
class Seen:
    """What one client was sent."""

    delays_ms: list[float] = field(default_factory=list)
    bytes: int = 0
    snapshots: int = 0
    broken: int = 0
    """Deltas that did not follow the frame before; each would cost a page a snapshot."""


async def client(address: str, token: str, until_s: float) -> Seen:
    """Watch everything until then."""
    seen, numbers = Seen(), {}
    headers = {"authorization": f"Bearer {token}"}
    async with connect(f"{address}/api/boards", additional_headers=headers, max_size=None, compression=None) as socket:
        await socket.send(json.dumps({"watch": BOARDS}))
        while (left_s := until_s - time.monotonic()) > 0:
            try:
                text = await asyncio.wait_for(socket.recv(), left_s)
            except TimeoutError:
                break
            frame = orjson.loads(text)
            seen.bytes += len(text)
            if frame["kind"] == "snapshot":
                seen.snapshots += 1
            else:
                seen.delays_ms.append(time.time_ns() / 1e6 - frame["now_ms"])
                seen.broken += frame["number"] != numbers[frame["board"]] + 1
            numbers[frame["board"]] = frame["number"]
    return seen


async def measure(address: str, token: str, pid: int, clients: int, seconds: float) -> dict[str, object]:
    """All clients at once, and the server's processor time meanwhile."""
    server = psutil.Process(pid)
    began_s, busy = time.monotonic(), server.cpu_times()
    every = await asyncio.gather(*(client(address, token, began_s + seconds) for _ in range(clients)))
    now = server.cpu_times()
    delays = sorted(delay for seen in every for delay in seen.delays_ms)
    frames = len(delays)
    return {
        "clients": clients,
        "seconds": seconds,
        "server_share_of_a_core": round((now.user + now.system - busy.user - busy.system) / seconds, 3),
        "frames_per_client_s": round(frames / clients / seconds, 1),
        "megabits_per_client_s": round(sum(seen.bytes for seen in every) * 8e-6 / clients / seconds, 2),
        "delay_ms": {name: round(delays[int(frames * share)], 1) for name, share in (("p50", 0.5), ("p99", 0.99))},
        "snapshots_per_client": round(sum(seen.snapshots for seen in every) / clients, 2),
        "broken": sum(seen.broken for seen in every),
    }


def main() -> None:
    """See the top of this file."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("address")
    asked.add_argument("--token", required=True)
    asked.add_argument("--pid", type=int, required=True, help="the dashboard's process")
    asked.add_argument("--clients", type=int, default=50)
    asked.add_argument("--seconds", type=float, default=60.0)
    given = asked.parse_args()
    said = asyncio.run(measure(given.address, given.token, given.pid, given.clients, given.seconds))
    print(json.dumps(said))  # noqa: T201  a command's answer


if __name__ == "__main__":
    main()
