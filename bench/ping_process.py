"""A fleet that pings, in a process of its own, so that its work delays nobody who is measured.

Elsewhere it would be other machines; here it shares the cores with those it burdens. What it could not send in time it
sends as soon as it can, so the rate is kept or the page says by how much it was missed.
"""

import asyncio
import json
import sys
from pathlib import Path

from bench.city import read_places
from bench.ping_load import PingLoad
from bench.servers import Servers
from infra.clients.connection import Connection
from infra.clients.endpoints import Endpoints
from infra.settings import Settings

SMOOTH_STEP_S = 0.02
"""Apps do not ping together: short steps keep the fleet from being a burst every tenth of a second."""
UNTIL_KILLED_S = 4 * 3_600.0
"""Longer than any bench; one that lost its fleet on the way says so."""


async def _ping(said: dict[str, str | int | float | dict[str, int]]) -> None:
    connection = Connection(endpoints=Endpoints(bootstrap=str(said["bootstrap"]), registry_url=""))
    ids = said["schema_ids"]
    assert isinstance(ids, dict)
    servers = Servers(connection, ids, Path(), Settings())
    load = PingLoad(servers, read_places(), drivers=int(str(said["drivers"])))
    await load.start()
    await load.publish_at(float(str(said["per_s"])), UNTIL_KILLED_S, step_s=SMOOTH_STEP_S)


if __name__ == "__main__":
    asyncio.run(_ping(json.loads(sys.argv[1])))
