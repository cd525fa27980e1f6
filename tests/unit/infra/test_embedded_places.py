"""Where embedded servers listen and keep their files."""

import json
import os
import socket
import subprocess
import uuid
from pathlib import Path

import pytest

from infra.embedded.java import java_environment
from infra.embedded.kafka import EmbeddedKafka, accepts_records
from infra.embedded.ports import LOOPBACK, free_port, is_free, remembered_ports
from infra.embedded.postgres_user import Account, PostgresUserError, can_enter, home_for
from infra.embedded.registry import EmbeddedRegistry, answers

MAKEFILE = Path(__file__).parents[3] / "Makefile"
STRANGER = Account("stranger", 4_000_000, 4_000_000)


@pytest.fixture
def taken_port():
    """A port that this test listens on."""
    with socket.socket() as server:
        server.bind((LOOPBACK, 0))
        server.listen()
        yield server.getsockname()[1]


def test_ports_stay_over_restarts(tmp_path):
    """The same file gives the same ports while they are free."""
    first = remembered_ports(tmp_path / "ports.json", ("broker", "controller"))
    assert remembered_ports(tmp_path / "ports.json", ("broker", "controller")) == first
    assert len(set(first.values())) == 2


@pytest.mark.parametrize("left", ["", '{"broker": 90', "[1]", '{"broker": null}'])
def test_a_file_that_cannot_be_read_is_as_none(tmp_path, left):
    """What a crash or a full disk left of it must not keep every later start from working."""
    (tmp_path / "ports.json").write_text(left)
    ports = remembered_ports(tmp_path / "ports.json", ("broker",))
    assert remembered_ports(tmp_path / "ports.json", ("broker",)) == ports
    assert [file.name for file in tmp_path.iterdir()] == ["ports.json"]


def test_a_port_taken_meanwhile_is_replaced_alone(tmp_path, taken_port):
    """Only the port that is in use changes; the new choice is remembered."""
    file, kept = tmp_path / "ports.json", free_port()
    file.write_text(json.dumps({"broker": taken_port, "controller": kept}))
    ports = remembered_ports(file, ("broker", "controller"))
    assert ports["broker"] != taken_port
    assert ports["controller"] == kept
    assert json.loads(file.read_text()) == ports


def test_a_port_asked_for_is_used_or_refused(tmp_path, taken_port):
    """The caller's port wins over the remembered one, and is refused by name when in use."""
    wish = free_port()
    assert remembered_ports(tmp_path / "ports.json", ("broker",), fixed=wish) == {"broker": wish}
    assert not is_free(taken_port)
    with pytest.raises(ValueError, match=f"got {taken_port}"):
        remembered_ports(tmp_path / "ports.json", ("broker",), fixed=taken_port)


def test_a_port_where_nobody_serves_is_not_ready(taken_port):
    """Neither a closed port nor one that accepts and stays silent counts as a server."""
    closed = free_port()
    assert not accepts_records(closed)
    assert not answers(closed)
    assert not accepts_records(taken_port)


def test_paths_a_server_would_misread_are_refused():
    """A comma or a semicolon in a data directory is refused by name before anything is written."""
    with pytest.raises(ValueError, match="no comma"):
        EmbeddedKafka(Path("/nowhere/a,b"), Path("/nowhere"))
    with pytest.raises(ValueError, match="no semicolon"):
        EmbeddedRegistry(Path("/nowhere/a;b"), Path("/nowhere"))


def test_a_private_directory_above_is_noticed(tmp_path):
    """One directory on the way that others may not pass is enough to be out of reach; its owner passes."""
    inner = tmp_path / "inner"
    inner.mkdir(mode=0o755)
    tmp_path.chmod(0o700)
    assert not can_enter(inner, STRANGER)
    assert all(os.access(directory, os.X_OK) for directory in (inner, *inner.parents))


def test_data_out_of_reach_of_the_server_are_kept_outside(tmp_path):
    """Below a private directory the data go to a place anyone may pass, the same one at every start."""
    outside = tmp_path / "outside"
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    home = home_for(private / "postgres", STRANGER, outside=outside)
    assert home.parent == outside
    assert home.stat().st_mode & 0o777 == 0o755
    assert home_for(private / "postgres", STRANGER, outside=outside) == home
    assert private.stat().st_mode & 0o777 == 0o700


def test_a_new_checkout_at_the_same_path_begins_empty(tmp_path):
    """The outside place belongs to the data directory, not to its path: one made anew gets another."""
    tmp_path.chmod(0o700)
    data_dir = tmp_path / "postgres"
    first = home_for(data_dir, STRANGER, outside=tmp_path / "outside")
    (data_dir / "location").unlink()
    assert home_for(data_dir, STRANGER, outside=tmp_path / "outside") != first


def test_data_that_became_unreachable_are_not_silently_replaced(tmp_path):
    """Data made where they could be reached, then locked in, are an error with a remedy and no empty new database."""
    tmp_path.chmod(0o700)
    (tmp_path / "postgres" / "data").mkdir(parents=True)
    with pytest.raises(PostgresUserError, match=r"cannot enter .*chmod"):
        home_for(tmp_path / "postgres", STRANGER)


def test_without_root_data_stay_in_their_directory(tmp_path):
    """When the server runs as ourselves, nothing is moved and no mode is changed."""
    data_dir = tmp_path / "postgres"
    data_dir.mkdir(mode=0o700)
    assert home_for(data_dir, Account("", os.geteuid(), os.getegid())) == data_dir
    assert data_dir.stat().st_mode & 0o777 == 0o700


def test_a_data_directory_of_any_name_reaches_the_broker(tmp_path):
    """Java reads a properties file as ISO-8859-1: another directory would be made and filled."""
    place = tmp_path / "zoë \N{TAXI} a\\b"
    place.mkdir()
    broker = EmbeddedKafka(place, tmp_path)
    broker._ports = {"broker": 1, "controller": 2}
    written = broker._write_settings("server.properties", place / "logs").read_bytes().decode("iso-8859-1")
    (logs,) = (line.partition("=")[2] for line in written.splitlines() if line.startswith("log.dirs="))
    read = logs.encode("iso-8859-1").decode("unicode_escape")
    assert read.encode("utf-16", "surrogatepass").decode("utf-16") == str(place / "logs")


def test_java_finds_its_files_below_a_directory_of_any_name(monkeypatch):
    """Without a locale it takes names for ASCII."""
    for name in ("LANG", "LC_ALL"):
        monkeypatch.delenv(name, raising=False)
    assert java_environment({"PORT": "1"}).items() >= {"LC_ALL": "C.UTF-8", "PORT": "1"}.items()


@pytest.mark.parametrize("server", [EmbeddedKafka, EmbeddedRegistry])
def test_a_colon_in_the_way_to_java_s_files_is_refused(server, tmp_path):
    """It would end an entry of the class path, and no class would be found."""
    with pytest.raises(ValueError, match="must have no colon"):
        server(tmp_path / "data", tmp_path / "12:30" / "cache")


def make(target, *variables, cwd):
    """Run a rule of the Makefile in a directory of its own."""
    line = ["make", "-f", str(MAKEFILE), target, *variables]
    return subprocess.run(line, cwd=cwd, capture_output=True, text=True, check=False)


DATA = f"postgres-{uuid.UUID(int=7)}"


@pytest.mark.parametrize(
    ("place", "stay"),
    [(DATA, {"postgres-"}), ("postgres-", {DATA, "postgres-"}), (f"{DATA}/..", {DATA, "postgres-"})],
)
def test_make_clean_takes_the_data_that_are_kept_outside_along(tmp_path, place, stay):
    """Started by root they are not below the state directory; nothing but such a directory is removed."""
    outside = tmp_path / "outside"
    for name in (DATA, "postgres-"):
        (outside / name).mkdir(parents=True)
    (tmp_path / ".faretide" / "postgres").mkdir(parents=True)
    (tmp_path / ".faretide" / "postgres" / "location").write_text(f"{outside}/{place}")
    assert make("clean", f"OUTSIDE={outside}", cwd=tmp_path).returncode == 0
    assert {directory.name for directory in outside.iterdir()} == stay
    assert not (tmp_path / ".faretide").exists()


def test_make_run_is_not_stuck_with_half_a_virtual_environment(tmp_path):
    """Debian's Python without python3-venv makes a directory and a link in it before it fails."""
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\n[ "$1" = -c ] && exit 0\nmkdir -p "$3/bin"; touch "$3/bin/python"; exit 1\n')
    python.chmod(0o755)
    assert make(".venv/bin/python", f"PYTHON={python}", cwd=tmp_path).returncode != 0
    assert not (tmp_path / ".venv").exists()
