"""Commands find the servers: configured ones first, then those of a living `faretide up`."""

import json
import os
import stat

import psutil
import pytest

from infra.clients.connection import connect
from infra.clients.endpoints import Endpoints, find_endpoints, forget_endpoints, write_endpoints
from infra.clients.errors import NothingRunsError
from infra.settings import Settings

HERE = Endpoints(bootstrap="127.0.0.1:1", registry_url="http://127.0.0.1:2", database_url="postgresql://u:secret@h/d")


def test_a_note_of_a_living_process_is_followed(tmp_path):
    """What `up` noted is what a command finds."""
    write_endpoints(tmp_path / "state", HERE)
    assert find_endpoints(Settings(state_dir=tmp_path / "state")) == HERE


def test_configured_servers_win_over_the_note(tmp_path):
    """A bootstrap address leaves the note aside."""
    write_endpoints(tmp_path, HERE)
    found = find_endpoints(Settings(state_dir=tmp_path, bootstrap="k:9092", registry_url="http://r"))
    assert (found.bootstrap, found.registry_url, found.database_url) == ("k:9092", "http://r", "")


def test_a_configured_database_goes_with_the_noted_broker(tmp_path):
    """A database of one's own beside the embedded broker."""
    write_endpoints(tmp_path, HERE)
    found = find_endpoints(Settings(state_dir=tmp_path, database_url="postgresql://mine"))
    assert (found.bootstrap, found.database_url) == (HERE.bootstrap, "postgresql://mine")


def test_without_either_the_sentence_says_what_to_do(tmp_path):
    """Nothing configured and nothing running names both ways out."""
    with pytest.raises(NothingRunsError, match=r"nothing runs here.*faretide up.*FARETIDE_BOOTSTRAP"):
        find_endpoints(Settings(state_dir=tmp_path))


@pytest.mark.parametrize(
    "change",
    [
        {"pid": 2**22 + 1},  # above the kernel's largest
        {"since_boot_s": -1.0},  # the id was given to another process meanwhile
    ],
)
def test_a_note_left_behind_is_not_believed(tmp_path, change):
    """A note whose writer has ended counts as nothing, also when its process id lives on in another."""
    file = write_endpoints(tmp_path, HERE)
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(NothingRunsError, match="has ended"):
        find_endpoints(Settings(state_dir=tmp_path))


def test_a_clock_that_was_set_meanwhile_changes_nothing(tmp_path, monkeypatch):
    """It moves the time of the boot and of every start alike; the process runs all the same."""
    write_endpoints(tmp_path, HERE)
    boot_s, start_s = psutil.boot_time(), psutil.Process().create_time()
    monkeypatch.setattr(psutil, "boot_time", lambda: boot_s + 3_600)
    monkeypatch.setattr(psutil.Process, "create_time", lambda _process: start_s + 3_600)
    assert find_endpoints(Settings(state_dir=tmp_path)) == HERE


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}'])
def test_a_damaged_note_is_a_sentence(tmp_path, text):
    """No traceback from a half-written or foreign file."""
    (tmp_path / "endpoints.json").write_text(text)
    with pytest.raises(NothingRunsError, match="cannot be read"):
        find_endpoints(Settings(state_dir=tmp_path))


def test_the_note_is_private_and_the_password_is_not_printed(tmp_path):
    """Only its owner may read the note; an endpoint's repr hides the database."""
    file = write_endpoints(tmp_path, HERE)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "secret" not in repr(HERE)


def test_only_its_writer_removes_the_note(tmp_path):
    """A second `up` that failed to start does not hide the first."""
    file = write_endpoints(tmp_path, HERE)
    note = json.loads(file.read_text())
    file.write_text(json.dumps(note | {"pid": os.getppid()}))
    forget_endpoints(tmp_path)
    assert file.exists()
    file.write_text(json.dumps(note))
    forget_endpoints(tmp_path)
    assert not file.exists()


def test_credentials_reach_the_kafka_clients_and_stay_out_of_print():
    """SASL settings become what aiokafka takes; the connection's repr hides the password."""
    settings = Settings(
        bootstrap="k:9092",
        registry_url="http://r",
        kafka_security="SASL_PLAINTEXT",
        kafka_sasl_mechanism="SCRAM-SHA-256",
        kafka_user="me",
        kafka_password="hunter2",
    )
    connection = connect(settings)
    assert connection.kafka() == {
        "bootstrap_servers": "k:9092",
        "client_id": "faretide",
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-256",
        "sasl_plain_username": "me",
        "sasl_plain_password": "hunter2",
    }
    assert "hunter2" not in repr(connection)


def test_encrypted_connections_get_a_context_that_checks_certificates():
    """SSL without files trusts the system's authorities and no others."""
    options = connect(Settings(bootstrap="k:9092", registry_url="http://r", kafka_security="SSL")).kafka()
    assert options["ssl_context"].check_hostname


def test_a_missing_certificate_file_is_named(tmp_path):
    """The sentence says which file."""
    settings = Settings(
        bootstrap="k:9092", registry_url="http://r", kafka_security="SSL", kafka_ca_file=tmp_path / "ca.pem"
    )
    with pytest.raises(ValueError, match=r"certificate files must be readable PEM without a passphrase, got .*ca\.pem"):
        connect(settings)


@pytest.mark.parametrize("left", ["", '{"pid": 1', "[]", "{}"])
def test_a_note_that_cannot_be_read_is_not_mine_to_remove(tmp_path, left):
    """Whoever stops goes on stopping; the next start writes a whole one."""
    (tmp_path / "endpoints.json").write_text(left)
    forget_endpoints(tmp_path)
    assert (tmp_path / "endpoints.json").read_text() == left
