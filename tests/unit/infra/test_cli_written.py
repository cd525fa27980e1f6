"""Where a command writes is looked at before it works, and a file is there whole or not at all."""

import pytest

from infra.cli.exits import CommandError, ExitCode
from infra.cli.written import writable_directory, writable_file, write_whole


def test_a_file_needs_a_directory_that_exists(tmp_path):
    """A directory is no file, and none is made for one."""
    assert writable_file(tmp_path / "x.csv") == tmp_path / "x.csv"
    assert writable_file(None) is None
    for wrong in (tmp_path, tmp_path / "no" / "x.csv"):
        with pytest.raises(CommandError, match="must be a file in a directory that exists") as refused:
            writable_file(wrong)
        assert refused.value.code == ExitCode.USAGE
    assert list(tmp_path.iterdir()) == []


def test_a_directory_is_made_at_once(tmp_path):
    """So that what cannot be made is told before minutes of work."""
    assert writable_directory(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    assert (tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").write_text("")
    with pytest.raises(CommandError, match="cannot be made a directory") as refused:
        writable_directory(tmp_path / "file")
    assert refused.value.code == ExitCode.USAGE


def test_a_file_that_cannot_be_finished_leaves_the_old_one(tmp_path):
    """Text that cannot be coded ends the writing halfway."""
    file = tmp_path / "page.html"
    write_whole(file, "old")
    with pytest.raises(UnicodeEncodeError):
        write_whole(file, "new \ud800")
    assert file.read_text() == "old"
    with pytest.raises(CommandError, match="cannot be written: Is a directory"):
        write_whole(tmp_path, "x")
