"""The request-driven baseline as processes: three services on loopback, asked by the same open-loop client."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from bench.asked import Ask, client
from bench.entrants import PEER_PYTHON, PEERS
from bench.servers import Servers
from bench.workers import ROOT
from infra.embedded.ports import free_port
from infra.embedded.processes import start_bound
from infra.scheduling import FIRST

WITHIN_S = 30.0


@asynccontextmanager
async def rest_chain(servers: Servers) -> AsyncIterator[Ask]:
    """The three services, ready, and a client that asks the first of them."""
    ports = {role: free_port() for role in ("quotes", "surge", "routes")}
    environment = servers.worker_environment(
        BENCH_SURGE_PORT=str(ports["surge"]), BENCH_ROUTES_PORT=str(ports["routes"])
    )
    processes = [
        start_bound(
            [PEER_PYTHON, PEERS / "fare_chain.py", role, str(port)],
            log=servers.directory / f"rest-{role}.log",
            cwd=ROOT,
            environment=environment,
            niceness=FIRST,
        )
        for role, port in ports.items()
    ]
    try:
        for port in ports.values():
            await _answers(port)
        async with client("bench.rest_client", {"url": f"http://127.0.0.1:{ports['quotes']}/quotes"}) as ask:
            yield ask
    finally:
        for process in processes:
            process.kill()
            process.wait()


async def _answers(port: int) -> None:
    """Wait until something answers there. Raises TimeoutError."""
    async with asyncio.timeout(WITHIN_S), httpx.AsyncClient() as asking:
        while True:
            try:
                await asking.get(f"http://127.0.0.1:{port}/")
            except httpx.TransportError:
                await asyncio.sleep(0.1)
            else:
                return
