"""Certificates, sign-in and old servers: each failure is one sentence with the setting to change."""

import socket

import pytest

from infra.cli import retire, session
from infra.cli.exits import ExitCode, exit_code_of, sentence_of
from infra.clients.admin import Admin
from infra.clients.connection import connect
from infra.clients.errors import AccessDeniedError, ClientError
from infra.clients.registry import Registry
from infra.clients.rights import rights_of
from infra.settings import Settings
from tests.unit.infra.tls_servers import Authority, https_registry, listening, old_broker
from topics.roles import SUPPLY


@pytest.fixture
def authority(tmp_path):
    """An authority of this test."""
    return Authority(tmp_path)


def silent(connection: socket.socket) -> None:
    """Say nothing until the client hangs up."""
    connection.recv(1)


def brokers(port, **more):
    """Settings of a client of the broker on that port."""
    return Settings(bootstrap=f"127.0.0.1:{port}", registry_url="http://127.0.0.1:1", **more)


async def asked(settings):
    """Ask the brokers for something."""
    async with Admin(connect(settings), settings) as admin:
        await admin.missing_rights(rights_of(SUPPLY))


@pytest.mark.parametrize(
    ("host", "expired", "said"),
    [
        ("127.0.0.1", True, "its certificate has expired"),
        ("elsewhere.example", False, "is for another host name, put a name it lists into FARETIDE_BOOTSTRAP"),
    ],
)
async def test_a_broker_with_a_bad_certificate_is_not_believed(authority, host, expired, said):
    """Expired or for another host: the sentence says which."""
    with (
        listening(silent, authority.context(host, expired=expired)) as port,
        pytest.raises(AccessDeniedError, match=said),
    ):
        await asked(brokers(port, kafka_security="SSL", kafka_ca_file=authority.file))


async def test_a_broker_of_another_authority_is_not_believed(authority, tmp_path):
    """Signed by whoever: the sentence names the setting that says whom to trust."""
    other = Authority(tmp_path)
    said = "not trusted here, set FARETIDE_KAFKA_CA_FILE"
    with listening(silent, authority.context()) as port, pytest.raises(AccessDeniedError, match=said):
        await asked(brokers(port, kafka_security="SSL", kafka_ca_file=other.file))


async def test_retire_says_why_it_is_not_let_in(authority, monkeypatch):
    """Its client starts as any other: what was refused is said, not that nobody answers; and it is closed."""
    with listening(silent, authority.context(expired=True)) as port:
        settings = brokers(port, kafka_security="SSL", kafka_ca_file=authority.file)
        monkeypatch.setattr(session, "open_session", lambda _command: session.Session(settings, connect(settings)))
        with pytest.raises(AccessDeniedError, match="its certificate has expired"):
            await retire._removed("supply", ["supply-2"])


async def test_a_port_without_tls_is_named_so(authority):
    """TLS asked of a port that does not speak it."""

    def plainly(connection: socket.socket) -> None:
        connection.sendall(b"\0\0\0\0what?")

    with listening(plainly) as port, pytest.raises(AccessDeniedError, match="does not speak TLS on this port"):
        await asked(brokers(port, kafka_security="SSL", kafka_ca_file=authority.file))


async def test_a_broker_of_another_age_is_too_old():
    """One that cannot tell what we are allowed to do is older than we need."""
    said = r"are too old for .* use Kafka 3\.6 or newer"
    with listening(old_broker) as port, pytest.raises(ClientError, match=said):
        await asked(brokers(port))


async def test_certificate_and_sign_in_reach_the_registry(authority):
    """The right authority, user and password get an answer; each alone does not."""
    with https_registry(authority.context(), user="me", password="hunter2") as url:
        known = {"bootstrap": "k:1", "registry_url": url, "registry_user": "me", "registry_password": "hunter2"}
        async with Registry(connect(Settings(**known, registry_ca_file=authority.file))) as registry:
            assert await registry.schema(7) is None
        async with Registry(connect(Settings(**known))) as registry:
            with pytest.raises(AccessDeniedError, match="set FARETIDE_REGISTRY_CA_FILE"):
                await registry.schema(7)
        wrong = Settings(**known | {"registry_password": "wrong"}, registry_ca_file=authority.file)
        async with Registry(connect(wrong)) as registry:
            with pytest.raises(AccessDeniedError, match="check FARETIDE_REGISTRY_USER and _PASSWORD"):
                await registry.schema(7)


async def test_an_expired_registry_is_not_asked_again(authority):
    """A certificate does not become valid by trying: one sentence, at once."""
    with https_registry(authority.context(expired=True), user="", password="") as url:
        settings = Settings(bootstrap="k:1", registry_url=url, registry_ca_file=authority.file)
        async with Registry(connect(settings), first_pause_s=60) as registry:
            with pytest.raises(AccessDeniedError, match="has expired"):
                await registry.schema(7)


def test_being_refused_has_an_exit_code_of_its_own():
    """A script can tell a wrong password from a server that is away."""
    error = AccessDeniedError("no")
    assert (exit_code_of(error), sentence_of(error)) == (ExitCode.DENIED, "no")


def test_a_key_with_a_passphrase_is_refused_without_asking_the_terminal(tmp_path, authority):
    """Nobody sits before a service to type one."""
    key = tmp_path / "key.pem"
    key.write_text("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n")
    settings = brokers(1, kafka_security="SSL", kafka_certificate_file=authority.file, kafka_key_file=key)
    with pytest.raises(ValueError, match=r"PEM without a passphrase, got .*key\.pem"):
        connect(settings)
