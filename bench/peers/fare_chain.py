"""The request-driven baseline: the price of a ride over HTTP and JSON, by three services, each a process.

    rider ──> quotes ──┬──> surge    the multiplier of the pickup's cell
                       └──> routes   distance and duration          both asked at once, then the fare

FastAPI on uvicorn with uvloop and httptools, one pooled httpx client for all calls, orjson for every body, no access
log: what their guides advise. The arithmetic is Faretide's own, imported; nothing is stored, locked or told to anyone.
"""

import asyncio
import os
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import orjson
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import Response
from h3.api import basic_int as h3
from pydantic import BaseModel

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from pricing.defaults import new_york_market
from pricing.rules.fares import amount_of, fare_lines
from pricing.rules.markets import market_of
from pricing.rules.routes import great_circle_m, route_of

HOST = "127.0.0.1"
SURGE_PORT, ROUTES_PORT = int(os.environ["BENCH_SURGE_PORT"]), int(os.environ["BENCH_ROUTES_PORT"])
LOCK_MS = 120_000
MARKET = market_of(new_york_market(), 0)


class Ride(BaseModel):
    """A quote request."""

    request_id: str
    rider_id: str
    at_ms: int
    pickup_lat: float
    pickup_lon: float
    dropoff_lat: float
    dropoff_lon: float
    product: str


@asynccontextmanager
async def pooled(app: FastAPI):
    """One client for the life of the process, as httpx advises."""
    limits = httpx.Limits(max_connections=200, max_keepalive_connections=200)
    async with httpx.AsyncClient(limits=limits, timeout=10.0) as client:
        app.state.client = client
        yield


quotes = FastAPI(lifespan=pooled)
surge = FastAPI()
routes = FastAPI()
MULTIPLIERS = {cell: 100 + 10 * (cell % 7) for cell in MARKET.jurisdiction_of}


def said(body):
    """A body as JSON, without the models FastAPI would check it against once more."""
    return Response(orjson.dumps(body), media_type="application/json")


@quotes.post("/quotes")
async def quote(ride: Ride, request: Request):
    """Price one ride."""
    client = request.app.state.client
    cell = h3.latlng_to_cell(ride.pickup_lat, ride.pickup_lon, 8)
    asked = {"cell": cell, "product": ride.product}
    ends = ride.model_dump(include={"at_ms", "pickup_lat", "pickup_lon", "dropoff_lat", "dropoff_lon"})
    found, way = await asyncio.gather(
        client.post(f"http://{HOST}:{SURGE_PORT}/multiplier", content=orjson.dumps(asked)),
        client.post(f"http://{HOST}:{ROUTES_PORT}/route", content=orjson.dumps(ends)),
    )
    multiplier = orjson.loads(found.content)["multiplier_hundredths"]
    route = route_of(orjson.loads(way.content)["great_circle_m"], MARKET.km_per_h_at(ride.at_ms))
    lines = fare_lines(MARKET.products[MARKET.product_index[ride.product]], route, multiplier)
    return said(
        {
            "request_id": ride.request_id,
            "amount_minor": amount_of(lines),
            "currency": MARKET.currency,
            "multiplier_hundredths": multiplier,
            "breakdown": [{"code": line.code, "amount_minor": line.amount_minor} for line in lines],
            "valid_until_ms": time.time_ns() // 1_000_000 + LOCK_MS,
        }
    )


@surge.post("/multiplier")
async def multiplier(request: Request):
    """The multiplier of a cell."""
    asked = orjson.loads(await request.body())
    return said({"multiplier_hundredths": MULTIPLIERS.get(asked["cell"], 100)})


@routes.post("/route")
async def route(request: Request):
    """How far it is."""
    ends = orjson.loads(await request.body())
    far_m = great_circle_m(ends["pickup_lat"], ends["pickup_lon"], ends["dropoff_lat"], ends["dropoff_lon"])
    return said({"great_circle_m": far_m})


if __name__ == "__main__":
    uvicorn.run(
        {"quotes": quotes, "surge": surge, "routes": routes}[sys.argv[1]],
        host=HOST,
        port=int(sys.argv[2]),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
    )
