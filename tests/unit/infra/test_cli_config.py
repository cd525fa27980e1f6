"""Secrets come from files or variables, and are shown nowhere."""

import json
import re

import pytest

from infra.cli.config import shown
from infra.settings import SettingsInvalidError, read_settings
from tests.unit.infra.test_cli_main import run

SECRET = "hunter2"
VARIABLES = {
    "FARETIDE_BOOTSTRAP": "127.0.0.1:1",
    "FARETIDE_REGISTRY_URL": "http://127.0.0.1:1",
    "FARETIDE_KAFKA_SECURITY": "SASL_PLAINTEXT",
    "FARETIDE_KAFKA_USER": "me",
    "FARETIDE_KAFKA_PASSWORD": SECRET,
    "FARETIDE_REGISTRY_USER": "me",
    "FARETIDE_REGISTRY_PASSWORD": SECRET,
    "FARETIDE_DATABASE_URL": f"postgresql://me:{SECRET}@db:5432/rides?password={SECRET}",
    "FARETIDE_LOG_KEY": SECRET,
    "FARETIDE_LOG_LEVEL": "debug",
}


def test_config_shows_every_setting_and_no_secret(tmp_path):
    """Values and their sources, addresses without user and password, in both forms."""
    plain = run("config", "show", state_dir=tmp_path, **VARIABLES)
    shown_json = run("config", "show", "--json", state_dir=tmp_path, **VARIABLES)
    assert (plain.returncode, shown_json.returncode) == (0, 0)
    assert SECRET not in plain.stdout + plain.stderr + shown_json.stdout + shown_json.stderr
    rows = {row["variable"]: row for row in json.loads(shown_json.stdout)}
    assert rows["FARETIDE_KAFKA_PASSWORD"] == {
        "variable": "FARETIDE_KAFKA_PASSWORD",
        "value": "***",
        "source": "FARETIDE_KAFKA_PASSWORD",
    }
    assert rows["FARETIDE_DATABASE_URL"]["value"] == "postgresql://***@db:5432/rides"
    assert rows["FARETIDE_ZONE_PARTITIONS"]["source"] == "default"
    assert len(rows) == len(plain.stdout.splitlines())


@pytest.mark.parametrize("command", [("topics", "list"), ("schemas", "list"), ("db", "status"), ("worker", "supply")])
def test_a_failing_command_tells_no_secret_even_to_who_debugs(tmp_path, command):
    """Sentence, traceback and the libraries' own lines, all at level debug."""
    done = run(*command, state_dir=tmp_path, **VARIABLES)
    assert done.returncode != 0
    assert done.stderr
    assert SECRET not in done.stdout + done.stderr


def test_a_secret_can_stand_in_a_file(tmp_path, monkeypatch):
    """Without the end of line that editors leave; other files' names are just settings."""
    file = tmp_path / "password"
    file.write_text(f"{SECRET}\n")
    monkeypatch.setenv("FARETIDE_KAFKA_PASSWORD_FILE", str(file))
    assert read_settings().kafka_password.get_secret_value() == SECRET


@pytest.mark.parametrize(
    ("content", "also", "said"),
    [
        (None, "", r"FARETIDE_KAFKA_PASSWORD_FILE must name a readable file, got .*password: No such file"),
        ("\n", "", r"with a secret in it, got .*password, which is empty"),
        (SECRET, "other", r"FARETIDE_KAFKA_PASSWORD and FARETIDE_KAFKA_PASSWORD_FILE must not both be set"),
    ],
)
def test_a_file_that_holds_no_secret_is_named(tmp_path, monkeypatch, content, also, said):
    """Missing, empty or beside the variable: a sentence that names it, without what is in it."""
    file = tmp_path / "password"
    if content is not None:
        file.write_text(content)
    monkeypatch.setenv("FARETIDE_KAFKA_PASSWORD_FILE", str(file))
    monkeypatch.setenv("FARETIDE_KAFKA_PASSWORD", also)
    with pytest.raises(SettingsInvalidError, match=said) as caught:
        read_settings()
    assert not re.search(SECRET, str(caught.value))


def test_config_names_the_file_a_secret_came_from(tmp_path):
    """The source is the file, and its content stays in it."""
    file = tmp_path / "key"
    file.write_text(SECRET)
    done = run("config", "show", "--json", state_dir=tmp_path, FARETIDE_LOG_KEY_FILE=str(file))
    row = next(row for row in json.loads(done.stdout) if row["variable"] == "FARETIDE_LOG_KEY")
    assert (row["value"], row["source"]) == ("***", f"FARETIDE_LOG_KEY_FILE={file}")


def test_a_registry_address_with_a_password_is_refused(tmp_path):
    """It would be printed in every error; the sentence says where the password belongs and does not repeat it."""
    address = {"FARETIDE_REGISTRY_URL": f"http://me:{SECRET}@127.0.0.1:1"}
    done = run("schemas", "list", state_dir=tmp_path, **(VARIABLES | address))
    assert done.returncode == 2
    assert "FARETIDE_REGISTRY_URL must hold no user or password" in done.stderr
    assert SECRET not in done.stderr


def test_what_is_no_secret_is_shown():
    """Paths and numbers are what one looks for."""
    assert shown(True) is True
