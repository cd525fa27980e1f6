"""PostgreSQL, where the recorder keeps what the topics forget: where it is, and the one way to connect to it."""

import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from infra.clients.endpoints import find_endpoints
from infra.clients.errors import AccessDeniedError, ClientError, UnreachableError
from infra.clients.tls import Server, handshake_failed, tls_context
from infra.settings import Settings

CONNECT_WITHIN_S = 10.0
ANSWER_WITHIN_S = 60.0
"""A statement that takes longer is given up and the connection with it: the other side may be gone without a word.

Not so where somebody waits for work on whole tables, which takes as long as it takes: migrations, counts, an erasure.
"""

_CANNOT_NOW = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # it stops, or is not up yet
    asyncpg.TooManyConnectionsError,
    asyncpg.InternalClientError,  # the connection ended in the middle of an answer
    OSError,
    TimeoutError,
)
_NOT_ALLOWED = (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidPasswordError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """One database, and for how many days it keeps records. `url` holds a password and is therefore not printed."""

    url: str = field(repr=False)
    keep_days: int
    tls: ssl.SSLContext | None = None

    @property
    def place(self) -> str:
        """Host, port and database name, for people.

        >>> Database(url="postgresql://me:secret@db:5433/rides", keep_days=30).place
        'db:5433/rides'
        """
        try:
            parts = urlsplit(self.url)
            port = parts.port or 5432
        except ValueError:
            return "the address in FARETIDE_DATABASE_URL"
        return f"{parts.hostname or 'localhost'}:{port}{parts.path}"


def find_database(settings: Settings) -> Database:
    """The database of the settings, else that of the `faretide up` running on this machine.

    Raises NothingRunsError if neither is there, ClientError if brokers are configured but no database is.
    """
    url = settings.database_url.get_secret_value() or find_endpoints(settings).database_url
    if not url:
        raise ClientError("no database is configured: set FARETIDE_DATABASE_URL=postgresql://user:password@host/name")
    tls = tls_context(ca_file=settings.database_ca_file) if settings.database_tls else None
    return Database(url=url, keep_days=settings.keep_days, tls=tls)


async def connect_database(database: Database, *, answer_within_s: float | None = ANSWER_WITHIN_S) -> Any:  # noqa: ANN401  asyncpg ships no types
    """A connection, to be closed by the caller; `answer_within_s` bounds each statement, None does not.

    Raises UnreachableError, or ClientError if the database refuses us.
    """
    with database_errors(database, "connecting"):
        return await asyncpg.connect(
            database.url,
            ssl=database.tls,
            timeout=CONNECT_WITHIN_S,
            command_timeout=answer_within_s,
            server_settings={"application_name": "faretide"},
        )


@asynccontextmanager
async def open_database(database: Database, *, answer_within_s: float | None = ANSWER_WITHIN_S) -> AsyncIterator[Any]:
    """A connection for the block, whose database errors become ours; statements are bounded as by `connect_database`.

    Raises UnreachableError, ClientError.
    """
    connection = await connect_database(database, answer_within_s=answer_within_s)
    try:
        with database_errors(database, "a statement"):
            yield connection
    finally:
        connection.terminate()  # nothing is underway: a farewell would only wait for a server that may be gone


@contextmanager
def database_errors(database: Database, doing: str) -> Iterator[None]:
    """Raise what goes wrong inside as a ClientError that says what was being done and what to do next."""
    try:
        yield
    except ssl.SSLError as error:  # an OSError, too
        raise handshake_failed(error, _server(database)) from error
    except _NOT_ALLOWED as error:
        raise AccessDeniedError(
            f"the database at {database.place} refuses these credentials: check FARETIDE_DATABASE_URL"
        ) from error
    except asyncpg.InvalidCatalogNameError as error:
        raise ClientError(f"there is no database at {database.place}: create it first") from error
    except asyncpg.ClientConfigurationError as error:
        raise ClientError(
            f"FARETIDE_DATABASE_URL must be postgresql://user:password@host:port/name: {error}"
        ) from error
    except _CANNOT_NOW as error:
        raise UnreachableError(
            f"the database at {database.place} does not answer while {doing}: {_why(error)}"
        ) from error
    except asyncpg.InterfaceError as error:  # used after it was closed, which is seen before the reason is
        raise UnreachableError(f"the connection to {database.place} is gone while {doing}: {_why(error)}") from error
    except asyncpg.PostgresError as error:
        raise ClientError(f"the database at {database.place} refused {doing}: {_why(error)}") from error


def _server(database: Database) -> Server:
    return Server(
        name=f"the database at {database.place}",
        address_variable="FARETIDE_DATABASE_URL",
        ca_variable="FARETIDE_DATABASE_CA_FILE",
        plain_advice="turn TLS on there or unset FARETIDE_DATABASE_TLS",
    )


def _why(error: BaseException) -> str:
    """What the library says on one line, without its class name where it says anything."""
    return " ".join(str(error).split()) or type(error).__name__
