"""Brokers with TLS, SCRAM and access control: everything runs on least rights, and what is refused says what to do."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from faretide.client import Client
from faretide.rides import new_request
from infra.cli.exits import ExitCode
from infra.cli.seeding import seed
from infra.clients.admin import Admin
from infra.clients.errors import NoAnswerError
from infra.clients.keeping import Keeping
from infra.clients.producer import Publisher, publisher_of
from infra.clients.registry import Registry
from infra.clients.rights import Operation, Resource, Right
from infra.embedded.processes import start_bound
from tests.broker import kafka
from tests.broker.secured import SecuredKafka, password_of
from tests.broker.services import now_ms
from topics.catalogue import DRIVER_PINGS, QUOTES, SUPPLY_CELLS, SURGE
from topics.events import DriverPinged, DriverStatus
from topics.prices import QuoteAnswered, QuoteOutcome
from topics.roles import GROUP_PREFIX, PRICING_CHAIN, ROLES

pytestmark = pytest.mark.broker

PICKUP, DROPOFF = (40.7580, -73.9855), (40.7061, -74.0087)
PRICED_WITHIN_S = 90.0
SECRET = "hunter2"


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a process that knows these settings and no others."""
    kept = ("PATH", "HOME", "LANG", "TZ", "NUMBA_")
    return {name: value for name, value in os.environ.items() if name.startswith(kept)} | dict(variables)


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "infra.cli", *arguments],
        capture_output=True,
        text=True,
        cwd=kafka.ROOT,
        env=environment(variables),
        check=False,
        timeout=90,
    )


def sentence(done: subprocess.CompletedProcess[str]) -> str:
    """Return the one line a person is told; there must be nothing else."""
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    return line


@dataclass(slots=True)
class Services:
    """The services as processes, each signed in as itself with its password in a file."""

    secured: SecuredKafka
    registry_url: str
    directory: Path
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, service: str) -> None:
        """Start one worker."""
        variables = self.secured.variables(service, self.registry_url)
        file = self.directory / f"{service}.password"
        file.write_text(variables.pop("FARETIDE_KAFKA_PASSWORD") + "\n")
        variables |= {"FARETIDE_KAFKA_PASSWORD_FILE": str(file), "FARETIDE_LOG_LEVEL": "debug"}
        command = [sys.executable, "-m", "infra.cli", "worker", service]
        self.processes[service] = start_bound(
            command, log=self.log(service), cwd=kafka.ROOT, environment=environment(variables)
        )

    def log(self, service: str) -> Path:
        """Return the file of what it says."""
        return self.directory / f"{service}.log"

    def check(self) -> None:
        """Fail with the log of one that has ended."""
        for service, process in self.processes.items():
            assert process.poll() is None, self.log(service).read_text()[-4000:]


@contextmanager
def running(secured: SecuredKafka, registry_url: str, directory: Path):
    """Run the four services for the block."""
    services = Services(secured, registry_url, directory)
    try:
        for service in PRICING_CHAIN:
            services.start(service)
        yield services
    finally:
        for process in services.processes.values():
            process.kill()
            process.wait()


async def prepare(secured: SecuredKafka, registry_url: str) -> None:
    """Make schemas, topics, and the first market, policy and model, as the operator."""
    connection = secured.connection("operator", registry_url)
    async with Registry(connection) as registry:
        await registry.register_all()
    async with Admin(connection, secured.settings("operator", registry_url)) as admin:
        await admin.create_missing()
    await seed(connection, now_ms())


@pytest.fixture(scope="module")
def prepared(secured: SecuredKafka, stack) -> str:
    """The registry's address, once the secured broker has topics and first records."""
    asyncio.run(prepare(secured, stack.registry_url))
    return str(stack.registry_url)


async def ping(drivers: Publisher) -> None:
    """Say that a car stands at the pickup."""
    where = {"lat": PICKUP[0], "lon": PICKUP[1]}
    said = DriverPinged(driver_id="driver-1", at_ms=now_ms(), status=DriverStatus.IDLE, products=["standard"], **where)
    await drivers.written(DRIVER_PINGS, [await drivers.publish(DRIVER_PINGS, said)])


async def test_services_on_least_rights_price_a_quote_and_say_no_secret(secured, prepared, tmp_path):
    """Pings become counts, counts become ticks and a tick a price, each by a user that may do that and no more.

    Passwords come from files; not even debug logs show one. A right taken away while a service runs ends it with the
    right's name, without a traceback.
    """
    drivers = await publisher_of(secured.connection("driver-app", prepared), [DRIVER_PINGS], source="tests")
    security = secured.connection("rider-app", prepared).security
    with running(secured, prepared, tmp_path) as services:
        async with drivers, Client(secured.bootstrap, prepared, source="tests", security=security) as client:
            quote = await _priced_by_tick(client, drivers, services.check)
            assert (quote.outcome, quote.currency) == (QuoteOutcome.PRICED, "USD")
            assert all(SECRET not in services.log(service).read_text() for service in PRICING_CHAIN)
            taken = Right(Resource.TOPIC, QUOTES.name, Operation.WRITE)
            secured.revoke("quotes", taken)
            try:
                asked = asyncio.create_task(client.quote(new_request("rider-2", PICKUP, DROPOFF), deadline_s=30))
                ended = services.processes["quotes"]
                await kafka.until(lambda: ended.poll() is not None, "QUOTES ends", 60)
                asked.cancel()
            finally:
                secured.grant("quotes", [taken])
    assert ended.returncode == ExitCode.DENIED
    said = services.log("quotes").read_text()
    assert f"topic {QUOTES.name}" in said
    assert "Traceback" not in said


async def _priced_by_tick(client: Client, drivers: Publisher, check: Callable[[], None]) -> QuoteAnswered:
    """Ask, with a car nearby, until a tick decides the price."""
    found: list[QuoteAnswered] = []

    async def priced() -> bool:
        check()
        await ping(drivers)
        with suppress(NoAnswerError):  # QUOTES is not up yet
            found.append(await client.quote(new_request("rider-1", PICKUP, DROPOFF), deadline_s=10))
        return bool(found) and found[-1].outcome is QuoteOutcome.PRICED and not found[-1].fallback

    await kafka.until(priced, "a quote is priced by a tick", PRICED_WITHIN_S)
    return found[-1]


@pytest.mark.parametrize(
    ("service", "right"),
    [
        ("supply", Right(Resource.TOPIC, SUPPLY_CELLS.name, Operation.WRITE)),
        ("pricing", Right(Resource.GROUP, f"{GROUP_PREFIX}pricing", Operation.READ)),
        ("quotes", Right(Resource.TOPIC, SURGE.name, Operation.READ)),
    ],
    ids=lambda value: str(value).replace(" ", "-"),
)
def test_a_service_without_a_right_names_it(secured, prepared, service, right):
    """It does not start, and its one sentence says which right is missing and where the whole list is."""
    secured.revoke(service, right)
    try:
        done = run("worker", service, **secured.variables(service, prepared))
    finally:
        secured.grant(service, [right])
    assert done.returncode == ExitCode.DENIED
    said = sentence(done)
    assert f"{service} lacks the right {right} " in said
    assert f"faretide topics acls --service {service}" in said


def test_a_right_beyond_the_contract_is_not_missed(secured, prepared):
    """What `topics acls` does not list can be taken away without harm."""
    spare = Right(Resource.TOPIC, SURGE.name, Operation.READ)
    variables = secured.variables("operator", prepared)
    secured.grant("driver-app", [spare])
    secured.revoke("driver-app", spare)
    assert run("topics", "check", **variables).returncode == 0


async def test_settings_and_sizes_of_topics_are_told_to_whoever_may_know_them(secured, prepared):
    """Both to the operator; a service learns no sizes, and a rider's app nothing."""
    known = {}
    for user in ("operator", "recorder", "rider-app"):
        settings = secured.settings(user, prepared)
        async with Admin(secured.connection(user, prepared), settings) as admin:
            known[user] = (await admin.keeping({QUOTES.name: [0]}))[QUOTES.name]
    operator, recorder = known["operator"], known["recorder"]
    assert operator.retention_ms == recorder.retention_ms == QUOTES.retention_ms
    assert (operator.sizes.keys(), recorder.sizes) == ({0}, {})
    assert known["rider-app"] == Keeping()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"FARETIDE_KAFKA_PASSWORD": "wrong"}, "refuse this user or password"),
        ({"FARETIDE_KAFKA_USER": "nobody"}, "refuse this user or password"),
        ({"FARETIDE_KAFKA_SASL_MECHANISM": "PLAIN"}, "set FARETIDE_KAFKA_SASL_MECHANISM"),
        ({"FARETIDE_KAFKA_CA_FILE": ""}, "set FARETIDE_KAFKA_CA_FILE"),
    ],
)
def test_a_wrong_way_in_is_one_sentence(secured, change, said):
    """Wrong password, user, mechanism or authority: code 77 and the setting to change."""
    done = run("topics", "list", **(secured.variables("operator", "http://127.0.0.1:1") | change))
    assert done.returncode == ExitCode.DENIED
    assert said in sentence(done)
    assert SECRET not in done.stderr


def test_a_certificate_for_another_host_is_one_sentence(secured):
    """The broker's certificate is for 127.0.0.1; asked as localhost it is not believed."""
    port = secured.bootstrap.rpartition(":")[2]
    variables = secured.variables("operator", "http://127.0.0.1:1") | {"FARETIDE_BOOTSTRAP": f"localhost:{port}"}
    done = run("topics", "list", **variables)
    assert done.returncode == ExitCode.DENIED
    assert "is for another host name" in sentence(done)


def test_a_client_that_speaks_plainly_is_told(secured):
    """A client that forgot its settings learns which one to look at."""
    done = run("topics", "list", FARETIDE_BOOTSTRAP=secured.bootstrap, FARETIDE_REGISTRY_URL="http://127.0.0.1:1")
    assert done.returncode == ExitCode.UNREACHABLE
    assert "does FARETIDE_KAFKA_SECURITY=PLAINTEXT fit" in sentence(done)


def test_each_role_has_a_password_of_its_own():
    """No two users share one: a leak is one role's."""
    assert len({password_of(role.name) for role in ROLES}) == len(ROLES)
