"""The real servers that broker tests share."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.clients.rights import rights_of
from infra.embedded.stack import EmbeddedStack
from tests.broker.secured import SecuredKafka
from topics.roles import ROLES

CACHE = Path(__file__).parents[2] / ".faretide" / "cache"


@pytest.fixture(scope="session")
def open_dir() -> Iterator[Path]:
    """A temporary directory that anyone may pass; pytest's own lie below a private one, out of PostgreSQL's reach."""
    directory = Path(tempfile.mkdtemp(prefix="faretide-"))
    directory.chmod(0o711)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def stack(open_dir: Path) -> Iterator[EmbeddedStack]:
    """Broker, registry and database of this test session: `bootstrap`, `registry_url`, `database_url`."""
    with EmbeddedStack(open_dir / "stack", cache_dir=CACHE) as servers:
        yield servers


@pytest.fixture(scope="session")
def service_stack(open_dir: Path) -> Iterator[EmbeddedStack]:
    """Servers of their own for tests of whole services, which check every record of the catalogue's topics."""
    with EmbeddedStack(open_dir / "service-stack", cache_dir=CACHE) as servers:
        yield servers


@pytest.fixture(scope="session")
def secured(open_dir: Path) -> Iterator[SecuredKafka]:
    """A broker with TLS, SCRAM and access control; every role is a user and has the least rights of it."""
    server = SecuredKafka(open_dir / "secured", CACHE)
    with server.kafka.start(timeout_s=120):
        for role in ROLES:
            server.grant(role.name, rights_of(role))
        yield server
