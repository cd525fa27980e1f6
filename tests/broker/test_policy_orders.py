"""From the command line to every worker's quotes: another market, a freeze, a cap, and two people at once."""

import asyncio
import json
import sys
import time

import pytest

from faretide.client import Client
from faretide.rides import new_request
from infra.cli.control_drafts import Said, append, renewed
from infra.cli.control_log import ControlSession
from infra.cli.exits import CommandError
from infra.clients.producer import Publisher
from infra.clients.registry import Registry
from infra.clients.schema_ids import SchemaIds
from tests.broker import kafka, services
from topics.catalogue import MARKETS, PRICING_POLICY

pytestmark = [pytest.mark.broker, pytest.mark.alone, pytest.mark.timeout(300)]

NEW_YORK = ((40.7580, -73.9855), (40.7033, -74.0170))
LONDON = ((51.5079, -0.1283), (51.5054, -0.0235))
# Enough for every partition, hence for every worker.
RIDERS = [f"rider-{number}" for number in range(12)]
WORKERS = ("supply-0", "demand-0", "pricing-0", "quotes-0", "quotes-1")


class Desk:
    """The command line as an operator uses it, and riders who ask."""

    def __init__(self, environment, client):
        self.environment, self.client = environment, client

    async def run(self, *arguments):
        """What the command says as JSON; it must end well."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "infra.cli", *arguments, "--json"),
            cwd=kafka.ROOT,
            env=dict(self.environment),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        said, complained = await process.communicate()
        assert process.returncode == 0, complained.decode()
        return json.loads(said)

    async def quote(self, ride, rider=RIDERS[0]):
        """The answer to one rider."""
        return await self.client.quote(new_request(rider, *ride), deadline_s=30)

    async def quotes(self, ride):
        """The answers to all riders, who ask at once."""
        return await asyncio.gather(*(self.quote(ride, rider) for rider in RIDERS))


@pytest.fixture
async def connection(stack):
    """The servers of this session, with New York as shipped."""
    return await services.prepared(stack)


@pytest.fixture
async def desk(stack, connection, tmp_path):
    """All services, QUOTES twice."""
    async with (
        services.running(stack, tmp_path, WORKERS) as (workers, _),
        Client(stack.bootstrap, stack.registry_url, source="tests") as client,
    ):
        yield Desk(workers.environment, client)


def codes(quote):
    return [why.code for why in quote.reasons]


async def priced_by_a_tick(desk, ride):
    """A quote of the ride that rests on a tick, once there is one."""
    async with asyncio.timeout(60):
        while True:
            quote = await desk.quote(ride)
            if quote.tick_offset >= 0:
                return quote


async def test_what_operators_set_stands_in_every_workers_quotes(desk):
    """London opens from two files; freeze and cap stand in every quote of it as soon as the command is back."""
    await desk.run("markets", "set", "docs/examples/london-market.json", "--author", "ann")
    await desk.run("policy", "set", "docs/examples/london-policy.json", "--author", "ann")
    london, new_york = await priced_by_a_tick(desk, LONDON), await desk.quote(NEW_YORK)
    assert (london.market, london.currency, london.fallback) == ("london", "GBP", "model-of-another-market")
    assert (new_york.market, new_york.currency) == ("nyc", "USD")

    frozen = await desk.run("policy", "freeze", "london", "--reason", "a test")
    for quote in await desk.quotes(LONDON):
        assert (quote.policy_offset, codes(quote).count("freeze")) == (frozen["versions"][0], 1)
    assert "freeze" not in codes(await desk.quote(NEW_YORK))

    capped = await desk.run("policy", "cap", "london", "1.2", "--reason", "a test")
    for quote in await desk.quotes(LONDON):
        assert quote.policy_offset == capped["versions"][0]
        assert {"freeze", "emergency-cap"} <= set(codes(quote))

    await desk.run("policy", "unfreeze", "london", "--reason", "over")
    for quote in await desk.quotes(LONDON):
        assert "emergency-cap" in codes(quote)
        assert quote.policy_offset > capped["versions"][0]


async def test_of_two_who_publish_at_once_one_is_refused(connection):
    """Both made their version from the same one: the second in the log takes effect for nobody, and is told."""
    async with Registry(connection) as registry:
        known = await registry.ids_of([MARKETS, PRICING_POLICY])
        async with Publisher(connection, known, source="tests", linger_ms=0) as publisher:
            session = ControlSession(connection, SchemaIds(registry), publisher)
            log, at_ms = await session.read(), time.time_ns() // 1_000_000
            newest, rules = log.newest(PRICING_POLICY, "nyc"), log.policies.at("nyc", at_ms).rules
            drafts = [
                renewed(rules, newest=newest, said=Said(author=author, reason="edit"), at_ms=at_ms)
                for author in ("ann", "bob")
            ]
            ended = await asyncio.gather(
                *(append(session, PRICING_POLICY, draft) for draft in drafts), return_exceptions=True
            )
            after = await session.read()
    [won] = [one for one in ended if isinstance(one, int)]
    [lost] = [one for one in ended if isinstance(one, CommandError)]
    assert f"based_on_offset must be {won}, the newest version of nyc" in str(lost)
    assert after.newest(PRICING_POLICY, "nyc") == won
