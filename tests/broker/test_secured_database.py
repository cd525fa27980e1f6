"""PostgreSQL by TLS, which a front before the real server takes off: encrypted, checked, faults are one sentence."""

from urllib.parse import urlsplit

import pytest

from infra.clients.database import find_database, open_database
from infra.clients.errors import AccessDeniedError, UnreachableError
from infra.settings import Settings
from tests.unit.infra.tls_servers import Authority, postgres_front

pytestmark = pytest.mark.broker


@pytest.fixture
def authority(tmp_path):
    """An authority of this test."""
    return Authority(tmp_path)


def behind(stack):
    """Where the real database listens."""
    url = urlsplit(stack.database_url)
    return url.hostname, url.port


def settings(stack, port, *, password=None, **more):
    """Settings of a client that asks the front on `port` for TLS."""
    url = urlsplit(stack.database_url)
    address = f"postgresql://{url.username}:{password or url.password}@127.0.0.1:{port}{url.path}"
    return Settings(bootstrap="k:1", registry_url="http://r", database_url=address, database_tls=True, **more)


async def test_the_database_is_reached_by_tls_once_its_authority_is_trusted(stack, authority):
    """The front passes on nothing that did not come by TLS, and a statement gets its answer."""
    with postgres_front(authority.context(), behind(stack)) as port:
        async with open_database(find_database(settings(stack, port, database_ca_file=authority.file))) as connection:
            assert await connection.fetchval("SELECT 6 * 7") == 42


@pytest.mark.parametrize(
    ("host", "expired", "trusted", "said"),
    [
        ("127.0.0.1", True, True, "its certificate has expired"),
        ("db.example", False, True, "is for another host name, put a name it lists into FARETIDE_DATABASE_URL"),
        ("127.0.0.1", False, False, "set FARETIDE_DATABASE_CA_FILE"),
    ],
)
async def test_a_bad_certificate_is_one_sentence(stack, authority, host, expired, trusted, said):
    """Expired, for another host, or of an authority nobody here trusts."""
    files = {"database_ca_file": authority.file} if trusted else {}
    with (
        postgres_front(authority.context(host, expired=expired), behind(stack)) as port,
        pytest.raises(AccessDeniedError, match=said),
    ):
        async with open_database(find_database(settings(stack, port, **files))):
            pass


async def test_a_wrong_password_names_the_setting_and_not_the_password(stack, authority):
    """The sentence holds host, port and name."""
    with postgres_front(authority.context(), behind(stack)) as port:
        wrong = find_database(settings(stack, port, password="hunter2", database_ca_file=authority.file))
        with pytest.raises(AccessDeniedError, match="check FARETIDE_DATABASE_URL") as caught:
            async with open_database(wrong):
                pass
    assert "hunter2" not in str(caught.value)


async def test_a_database_without_tls_is_not_spoken_to_plainly(stack, authority):
    """What is asked to be encrypted is not sent in the clear where the server cannot."""
    _, port = behind(stack)
    with pytest.raises(UnreachableError, match="rejected SSL upgrade"):
        async with open_database(find_database(settings(stack, port, database_ca_file=authority.file))):
            pass
