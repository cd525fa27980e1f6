"""One data directory, one server: who owns it now, and what to do with a server whose owner is gone.

The owner holds a lock on the file `owner.json`, and *the server inherits it*: the lock is free only when both the owner
and every process of its server have ended. So whoever gets the lock may remove stale pid files without looking further.

    lock    owner    meaning                              what a newcomer does
    free    any      nobody works here                    takes it
    taken   alive    in use                               DataDirInUseError after DYING_GRACE_S, naming the process
    taken   gone     server still stopping, or orphaned   waits; after ORPHAN_GRACE_S ends the server it finds on record
"""

import contextlib
import fcntl
import json
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from infra.process_identity import identity_of, is_alive, own_identity

DYING_GRACE_S = 0.5  # a process killed just now still counts as running for a moment
ORPHAN_GRACE_S = 5.0
PATIENCE_S = 20.0
POLL_S = 0.02


class DataDirInUseError(RuntimeError):
    """Another process works in this data directory."""


class Ownership:
    """The claim of this process on one data directory, until `release`."""

    def __init__(self, data_dir: Path, *, patience_s: float = PATIENCE_S) -> None:
        """Claim `data_dir`, which must exist, waiting at most `patience_s` for a server without owner to end.

        Raises DataDirInUseError.
        """
        self._data_dir = data_dir
        self.fd = os.open(data_dir / "owner.json", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._take(time.monotonic(), patience_s)
            self._write(own_identity(), None)
        except BaseException:
            os.close(self.fd)
            raise

    def record_server(self, pid: int) -> None:
        """Remember which process serves this directory, for whoever finds it without owner."""
        self._write(own_identity(), identity_of(pid))

    def release(self) -> None:
        """Give the directory back. Processes of the server that are still ending keep newcomers waiting.

        It is the lock that says so: that a full disk does not take the note changes nothing.
        """
        if self.fd < 0:
            return
        try:
            with contextlib.suppress(OSError):
                self._write(None, None)
        finally:
            os.close(self.fd)
            self.fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _take(self, began_s: float, patience_s: float) -> None:
        while not self._try_lock():
            record = self._read()
            owner, server = record.get("owner"), record.get("server")
            waited_s = time.monotonic() - began_s
            if owner is not None and _runs(owner):
                if waited_s < DYING_GRACE_S:
                    time.sleep(POLL_S)
                    continue
                raise DataDirInUseError(
                    f"{self._data_dir} is in use by process {int(owner['pid'])}: "
                    "stop that one or choose another directory"
                )
            if waited_s > patience_s:
                left_over = f"process {int(server['pid'])}" if server else "processes unknown"
                raise DataDirInUseError(
                    f"{self._data_dir} is still held by a server of an earlier run ({left_over}): "
                    "end it or choose another directory"
                )
            if waited_s > min(ORPHAN_GRACE_S, patience_s / 2) and server is not None and _runs(server):
                psutil.Process(int(server["pid"])).kill()
            time.sleep(POLL_S)

    def _try_lock(self) -> bool:
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _write(self, owner: dict[str, float] | None, server: dict[str, float] | None) -> None:
        text = json.dumps({"owner": owner, "server": server}).encode()
        os.ftruncate(self.fd, 0)  # in place: a new file would be a new lock
        os.pwrite(self.fd, text, 0)

    def _read(self) -> dict[str, dict[str, float] | None]:
        try:
            record: dict[str, dict[str, float] | None] = json.loads(os.pread(self.fd, 4096, 0))
        except ValueError:
            return {}  # caught between truncate and write: the next look sees it whole
        return record


def _runs(identity: dict[str, float]) -> bool:
    """Whether the process on record still runs; one that an older version wrote down is not known."""
    return is_alive(int(identity["pid"]), identity.get("since_boot_s", -2.0))
