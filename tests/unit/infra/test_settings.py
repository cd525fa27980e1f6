"""Settings come from the environment, hide secrets, and are documented."""

import re
from pathlib import Path

import pytest

from infra.cli.settings_page import OF_ONE_COMMAND_ROWS, settings_reference
from infra.secret_files import BUNDLE_KEY, OF_ONE_COMMAND, VIEWER_TOKEN, SecretFileError, secret_of
from infra.settings import (
    SecurityProtocol,
    Settings,
    SettingsInvalidError,
    read_settings,
    variable_of,
)

ROOT = Path(__file__).parents[3]
PACKAGES = ("topics", "agents", "infra", "simulation")


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch):
    for name in Settings.model_fields:
        monkeypatch.delenv(variable_of(name), raising=False)


def test_nothing_set_means_the_servers_of_this_machine():
    """Without any variable there is no address, and four partitions per group."""
    settings = read_settings()
    assert (settings.bootstrap, settings.registry_url, settings.state_dir) == ("", "", Path(".faretide"))
    assert (settings.driver_partitions, settings.rider_partitions, settings.zone_partitions) == (4, 4, 4)


def test_each_variable_is_the_setting_of_its_name(monkeypatch):
    """FARETIDE_ plus the name in capitals sets it."""
    monkeypatch.setenv("FARETIDE_BOOTSTRAP", "k1:9092,k2:9092")
    monkeypatch.setenv("FARETIDE_REGISTRY_URL", "http://r:8081")
    monkeypatch.setenv("FARETIDE_ZONE_PARTITIONS", "12")
    settings = read_settings()
    assert (settings.bootstrap, settings.registry_url, settings.zone_partitions) == (
        "k1:9092,k2:9092",
        "http://r:8081",
        12,
    )


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"FARETIDE_BOOTSTRAP": "k:9092"}, "FARETIDE_REGISTRY_URL must be set"),
        ({"FARETIDE_REGISTRY_URL": "http://r"}, "FARETIDE_BOOTSTRAP must be set"),
        ({"FARETIDE_KAFKA_SECURITY": "SASL_SSL", "FARETIDE_KAFKA_USER": "u"}, "FARETIDE_KAFKA_PASSWORD must be set"),
        ({"FARETIDE_KAFKA_KEY_FILE": "k.pem"}, "FARETIDE_KAFKA_CERTIFICATE_FILE must be set"),
        ({"FARETIDE_RIDER_PARTITIONS": "0"}, "FARETIDE_RIDER_PARTITIONS: input should be greater"),
        ({"FARETIDE_LOG_FORMAT": "xml"}, "FARETIDE_LOG_FORMAT: input should be 'auto'"),
    ],
)
def test_wrong_settings_are_named_by_their_variable(monkeypatch, variables, said):
    """A half of a pair, a number out of bounds or an unknown word is refused with the variable's name."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsInvalidError, match=re.escape(said)):
        read_settings()


def test_a_variable_that_is_nearly_a_setting_is_not_ignored(monkeypatch):
    """Whoever misspells a name must not run with the default; what a platform injects passes."""
    monkeypatch.setenv("FARETIDE_PORT_8080_TCP_ADDR", "10.0.0.1")
    monkeypatch.setenv("FARETIDE_DASHBOARD_TOKEN", "x" * 32)
    monkeypatch.setenv("FARETIDE_DASHBOARD_VIEWER_TOKEN", "y" * 32)
    read_settings()
    monkeypatch.setenv("FARETIDE_KAFKA_PASWORD_FILE", "/run/secrets/kafka")
    monkeypatch.setenv("FARETIDE_ZONE_PARTITION", "12")
    with pytest.raises(SettingsInvalidError) as raised:
        read_settings()
    assert str(raised.value) == (
        "FARETIDE_KAFKA_PASWORD_FILE: is no setting, did you mean FARETIDE_KAFKA_PASSWORD_FILE?; "
        "FARETIDE_ZONE_PARTITION: is no setting, did you mean FARETIDE_ZONE_PARTITIONS?"
    )


def test_a_secret_of_one_command_may_stand_in_a_file(monkeypatch, tmp_path):
    """As any secret setting; a name that is no setting and looks like one of these is not passed over."""
    key = tmp_path / "key"
    key.write_text("from a file\n")
    monkeypatch.setenv("FARETIDE_BUNDLE_KEY_FILE", str(key))
    read_settings()
    assert (secret_of(BUNDLE_KEY), secret_of(VIEWER_TOKEN)) == ("from a file", "")
    monkeypatch.setenv("FARETIDE_BUNDLE_KEY", "given")
    with pytest.raises(SecretFileError, match="must not both be set"):
        secret_of(BUNDLE_KEY)
    monkeypatch.delenv("FARETIDE_BUNDLE_KEY_FILE")
    assert secret_of(BUNDLE_KEY) == "given"


def test_secrets_are_not_printed(monkeypatch):
    """Neither the settings nor an error about them show a password."""
    monkeypatch.setenv("FARETIDE_DATABASE_URL", "postgresql://u:hunter2@db/x")
    monkeypatch.setenv("FARETIDE_KAFKA_PASSWORD", "hunter2")
    monkeypatch.setenv("FARETIDE_REGISTRY_PASSWORD", "hunter2")
    assert "hunter2" not in repr(read_settings())
    monkeypatch.setenv("FARETIDE_ZONE_PARTITIONS", "many")
    with pytest.raises(SettingsInvalidError) as caught:
        read_settings()
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(("copies", "in_sync"), [(1, 1), (2, 2), (3, 2), (5, 4)])
def test_a_write_needs_all_copies_but_one(copies, in_sync):
    """One broker may be away without stopping writes, as soon as there are three copies."""
    assert Settings(replication_factor=copies).in_sync_replicas == in_sync


@pytest.mark.parametrize(
    ("protocol", "password", "tls"),
    [("PLAINTEXT", False, False), ("SSL", False, True), ("SASL_PLAINTEXT", True, False), ("SASL_SSL", True, True)],
)
def test_protocols_say_what_they_need(protocol, password, tls):
    """Passwords belong to SASL, certificates to SSL."""
    chosen = SecurityProtocol(protocol)
    assert (chosen.asks_for_password, chosen.encrypts) == (password, tls)


def test_the_page_of_settings_is_the_code():
    """docs/settings.md is what `python -m infra.cli.reference` writes."""
    assert (ROOT / "docs" / "settings.md").read_text() == settings_reference()


def test_secrets_of_one_command_are_on_the_page():
    """They are no settings, so nothing else would bring them there."""
    assert set(OF_ONE_COMMAND_ROWS) == OF_ONE_COMMAND


def test_every_setting_is_used_and_described():
    """No setting is there for later: some module other than settings.py reads it."""
    files = [file for package in PACKAGES for file in (ROOT / package).rglob("*.py")]
    code = "\n".join(file.read_text() for file in files if file != ROOT / "infra" / "settings.py")
    unused = [name for name in Settings.model_fields if not re.search(rf"settings\.{name}\b", code)]
    derived = {"replication_factor": "in_sync_replicas"}
    assert [name for name in unused if derived.get(name, name) not in code] == []
    assert all(field.description for field in Settings.model_fields.values())
