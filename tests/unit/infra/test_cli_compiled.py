"""Compiled code has a place wherever a worker is started."""

import os
import stat
from pathlib import Path

import pytest

from infra.cli import compiled
from infra.cli.compiled import VARIABLE, give_compiled_code_a_place


@pytest.fixture
def places(monkeypatch, tmp_path):
    """Directories for code, home and temporary files; tells which of them can be written, also to root."""
    closed = set()
    for name in ("code", "home", "temporary"):
        (tmp_path / name).mkdir()
    really = os.access
    monkeypatch.setattr(os, "access", lambda place, mode: Path(place).name not in closed and really(place, mode))
    monkeypatch.setattr(compiled.tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.setattr(compiled.atexit, "register", lambda *_arguments, **_options: None)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv(VARIABLE, "")  # has it taken back what is set below
    monkeypatch.delenv(VARIABLE)

    def named(*names):
        closed.update(names)
        give_compiled_code_a_place(tmp_path / "code")
        return os.environ.get(VARIABLE, "")

    return named


def test_where_nothing_can_be_written_a_private_directory_is_made(places, tmp_path):
    """A read-only file system, or a user without a home: numba would refuse to begin."""
    place = Path(places("code", "home"))
    assert place.parent == tmp_path / "temporary"
    assert stat.S_IMODE(place.stat().st_mode) == 0o700


@pytest.mark.parametrize("closed", [(), ("code",), ("home",)])
def test_one_place_that_can_be_written_is_enough(places, closed):
    """What is compiled there is found again by the next start."""
    assert places(*closed) == ""


def test_a_place_that_was_named_stays(places, monkeypatch):
    """Whoever set the variable knows better."""
    monkeypatch.setenv(VARIABLE, "/elsewhere")
    assert places("code", "home") == "/elsewhere"


def test_without_a_temporary_directory_nothing_is_named(places, monkeypatch, tmp_path):
    """Commands that compile nothing must work all the same."""
    monkeypatch.setattr(compiled.tempfile, "tempdir", str(tmp_path / "missing"))
    assert places("code", "home") == ""
