"""The services, by name, and how one becomes a running worker."""

import os
import socket
import time
from contextlib import AbstractContextManager, nullcontext, suppress
from importlib import import_module
from importlib.metadata import version

from agents.runtime import running
from agents.runtime.app import WorkerApp, make_app
from agents.runtime.contracts import Contracts
from agents.runtime.health import Limits
from agents.runtime.health_watch import HealthWatch
from agents.runtime.metrics_endpoint import Endpoint, serving
from agents.runtime.precedence import watch_precedence
from agents.runtime.schema_ids import RegistryUnavailableError
from agents.runtime.settings import FetchWait, WorkerSettings
from agents.runtime.telemetry import Meter
from agents.runtime.worker import Worker
from infra.clients.admin import Admin, TopicState
from infra.clients.connection import Connection
from infra.clients.database import find_database
from infra.clients.errors import AccessDeniedError, ClientError
from infra.clients.registry import Registry
from infra.clients.rights import rights_of
from infra.clients.schema_ids import SchemaIds
from infra.scheduling import FIRST
from infra.settings import Settings
from topics.refusals import Undecodable
from topics.roles import Role, role_named
from topics.schemas import Schema, schema_of

RECORDER = "recorder"
ABSENT_FOR_S = 30.0


class KnownSchemas:
    """Writers' schemas by id, as the transport asks for them: an id is known once the registry has answered.

    That an id does not exist is believed for half a minute.
    """

    def __init__(self, connection: Connection, schemas: dict[int, Schema]) -> None:
        self.schemas = schemas
        self._connection = connection
        self._absent: dict[int, float] = {}

    def known(self, schema_id: int) -> bool:
        """Whether the registry has answered for this id."""
        return schema_id in self.schemas or self._absent.get(schema_id, 0.0) > time.monotonic()

    async def lookup(self, schema_id: int) -> None:
        """Ask the registry. Raises RegistryUnavailableError if it cannot say, or will not.

        One that refuses us, or somebody else at its address, has not said that there is no such schema.
        """
        async with Registry(self._connection) as registry:
            ids = SchemaIds(registry)
            try:
                await ids.lookup(schema_id)
            except ClientError as error:
                raise RegistryUnavailableError(str(error)) from error
        if ids.known(schema_id):
            self.schemas[schema_id] = ids.schema(schema_id)
        else:
            self._absent = {known: until for known, until in self._absent.items() if until > time.monotonic()}
            self._absent[schema_id] = time.monotonic() + ABSENT_FOR_S


async def surroundings(service: str, settings: Settings, connection: Connection) -> Worker:
    """What the service needs to know before it starts.

    It learns of its role's topics and no others: what is not in its contract, it can neither read nor write.

    Raises SchemaMissingError, ClientError naming the topic that is missing or differs, AccessDeniedError naming the
    right that is missing, RegistryUnavailable, UnreachableError.
    """
    role = role_named(service)
    async with Registry(connection) as registry:
        ids = await registry.ids_of(role.topics)
    states = await _topics_of(role, settings, connection)
    by_subject = {topic.subject: ids[topic.name] for topic in role.topics}
    schemas = {ids[topic.name]: schema_of(topic) for topic in role.topics}
    name = settings.instance_id or f"{service}-{socket.gethostname()}-{os.getpid()}"
    return Worker(
        service=service,
        name=name,
        partitions={state.topic.name: state.partitions for state in states},
        contracts=Contracts(by_subject, schemas),
        schema_ids=KnownSchemas(connection, schemas),
        meter=Meter(service=service, worker=name, versions={"faretide": version("faretide")}),
        bootstrap=connection.endpoints.bootstrap,
        security={
            key: value for key, value in connection.kafka().items() if key not in {"bootstrap_servers", "client_id"}
        },
        database=find_database(settings) if service == RECORDER else None,
        flush_every_ms=settings.flush_ms,
    )


async def _topics_of(role: Role, settings: Settings, connection: Connection) -> list[TopicState]:
    """The role's topics, all of them as they must be, once it is certain that it may use them."""
    async with Admin(connection, settings) as admin:
        missing = await admin.missing_rights(rights_of(role))
        if missing:
            raise AccessDeniedError(
                f"{role.name} lacks the right {missing[0]} at the brokers {connection.endpoints.bootstrap}: "
                f"grant what `faretide topics acls --service {role.name}` lists"
            )
        states = await admin.states(role.topics)
    faults = [fault for state in states for fault in state.faults]
    if faults:
        raise ClientError(faults[0])
    return states


GATHERED, AT_ONCE = FetchWait(bytes=64 * 1024, ms=50), {"quotes": FetchWait(bytes=1, ms=5)}
"""Who counts fetches by runs: with one fetch a request DEMAND took a third of a core at 1,000 a second, so an eighth. A
rider waits for a quote: there a partition is held back by one fetch that waits for the others."""

NICENESS = {"quotes": FIRST, RECORDER: 10}
"""Once caught up: riders wait for a quote, nobody waits for rows."""


def load(service: str) -> None:
    """Import the service and have its compiled code ready: what takes long and needs no server.

    Each is a module of this package with `warm_up()` and `register(app, worker)`; a worker imports its own only.
    """
    import_module(f"agents.{service}").warm_up()


def rehearse(service: str, settings: Settings, worker: Worker) -> None:
    """Build a worker that never runs, for all that is imported, looked up and loaded on the way.

    Whoever forks workers from this process then saves each of them a fifth of a second of processor time. Touches
    neither a server nor an event loop.
    """
    _app_of(service, settings, worker.anew())
    for topic in role_named(service).topics:
        with suppress(Undecodable):
            worker.contracts.decode(topic, worker.contracts.frame(topic))


def run(service: str, settings: Settings, worker: Worker) -> None:
    """Run one worker until SIGTERM or SIGINT. Raises what kept it from starting."""
    app = _app_of(service, settings, worker)
    with _observed(app, settings, worker):
        running.run(app)


def _app_of(service: str, settings: Settings, worker: Worker) -> WorkerApp:
    app = make_app(
        service,
        settings=WorkerSettings(
            bootstrap=worker.bootstrap,
            instance_id=settings.instance_id or None,
            client_id=worker.name,
            topic_replicas=settings.replication_factor,
            fetch_wait=AT_ONCE.get(service, GATHERED),
            security=worker.security,
        ),
    )
    watch_precedence(app, NICENESS.get(service, 0))
    import_module(f"agents.{service}").register(app, worker)
    return app


def _observed(app: WorkerApp, settings: Settings, worker: Worker) -> AbstractContextManager[object]:
    """Metrics and health of the worker at its port, if it has one. Raises OSError if it cannot listen there."""
    if not settings.metrics_port:
        return nullcontext()
    watch = HealthWatch(app, worker.meter, Limits())
    address = settings.metrics_host, settings.metrics_port
    return serving(Endpoint(address, worker.service, worker.meter, watch))
