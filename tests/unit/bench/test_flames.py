"""Flame graphs: what is said when they cannot be drawn."""

import stat

import pytest

from bench import flames


async def nobody(_connection, _now_ms):
    """Seed nothing."""


def test_without_py_spy_nothing_is_started(tmp_path, monkeypatch):
    """The sentence says how to get it."""
    monkeypatch.setattr(flames, "PY_SPY", tmp_path / "py-spy")
    with pytest.raises(RuntimeError, match="make flames"):
        flames.draw(tmp_path, nobody, tmp_path / "pictures")
    assert not (tmp_path / "pictures").exists()


def test_what_py_spy_says_is_passed_on(tmp_path, monkeypatch):
    """A machine that lets nobody look into processes says so on its error output."""
    spy = tmp_path / "py-spy"
    spy.write_text("#!/bin/sh\necho 'Permission Denied: Try running again with elevated permissions' >&2\nexit 1\n")
    spy.chmod(spy.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(flames, "PY_SPY", spy)
    with pytest.raises(RuntimeError, match=r"could not look at QUOTES under load: Permission Denied"):
        flames._spy(tmp_path / "flame.svg", "QUOTES under load", ["--pid", "1"])


def test_the_heading_names_the_service_and_no_directory(tmp_path, monkeypatch):
    """A picture may be shown to anyone."""
    spy = tmp_path / "py-spy"
    spy.write_text(
        '#!/bin/sh\nwhile [ "$1" != --output ]; do shift; done\n'
        'echo "<svg><text>/home/someone/py-spy record --rate 200</text><text>tick</text></svg>" > "$2"\n'
    )
    spy.chmod(spy.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(flames, "PY_SPY", spy)
    flames._spy(tmp_path / "flame.svg", "QUOTES under load", ["--pid", "1"])
    assert (tmp_path / "flame.svg").read_text() == "<svg><text>QUOTES under load</text><text>tick</text></svg>\n"
