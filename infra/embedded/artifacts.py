"""Fetch exactly the files a lock file names, and nothing that differs from them by a byte.

A file travels: fetched into a private directory inside the cache, verified there, then renamed to its place; so a file
in its place was complete and right when it arrived, even if the process was killed half way: what lies in such
directories then is removed by the next fetch. Processes that share a cache take turns (a file lock per lock file).
Afterwards a stamp remembers size and modification time of each file, so later starts read no bytes; a file touched
since is verified again.
"""

import fcntl
import hashlib
import json
import queue
import shutil
import tarfile
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from infra.embedded.lockfile import Artifact, read_lock
from infra.embedded.maven import fetch_from_maven

Progress = Callable[[int, int, str], None]
"""Called with (done_bytes, total_bytes, file name) from several threads, one call at a time."""

OnBytes = Callable[[int], None]
FETCHES_AT_ONCE = 8
ATTEMPTS = 3


class ArtifactError(RuntimeError):
    """An artifact could not be fetched or is not the one that was locked."""


Fetch = Callable[[Artifact, Path, OnBytes], Path]
"""Brings an artifact into an empty directory and returns its file, reporting bytes as they come.

Raises OSError or RuntimeError if it cannot.
"""


def fetch(
    lock: Path, cache_dir: Path, *, progress: Progress | None = None, fetch_one: Fetch = fetch_from_maven
) -> tuple[Path, ...]:
    """Return the verified files of `lock` in its order, fetching those that are missing or differ.

    Raises ArtifactError naming the coordinate, what was expected and what to do.
    """
    artifacts = read_lock(lock)
    paths = tuple(artifact.path_in(cache_dir) for artifact in artifacts)
    stamp = cache_dir / f"{lock.stem}.ok"
    if _is_stamped(stamp, lock, paths):
        return paths
    cache_dir.mkdir(parents=True, exist_ok=True)
    with _only_this_process(cache_dir / f"{lock.stem}.lock"):
        if not _is_stamped(stamp, lock, paths):  # another process may have fetched all while this one waited
            incoming = f".incoming-{lock.stem}-"  # of this lock file alone: others are fetched at the same time
            _sweep(cache_dir, incoming)
            meter = _Meter(sum(artifact.size for artifact in artifacts), progress)
            _fetch_all(artifacts, lambda artifact: _settle(artifact, cache_dir, incoming, fetch_one, meter))
            stamp.write_text(_stamp_of(lock, paths))
    return paths


def _sweep(directory: Path, prefix: str) -> None:
    """Remove what a process left that was killed; the lock is held, so nobody works there."""
    for left in directory.glob(f"{prefix}*"):
        shutil.rmtree(left, ignore_errors=True)


def _fetch_all(artifacts: Sequence[Artifact], settle: Callable[[Artifact], None]) -> None:
    """Settle each artifact, largest first, several at once; after an error none is begun, and it is raised.

    The threads are daemons and no pool's: the interpreter would wait for a pool at its end, also after Ctrl-C.
    """
    waiting: queue.SimpleQueue[Artifact] = queue.SimpleQueue()
    outcomes: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
    failed = threading.Event()
    for artifact in sorted(artifacts, key=lambda artifact: -artifact.size):
        waiting.put(artifact)

    def work() -> None:
        try:
            while not failed.is_set():
                settle(waiting.get_nowait())
        except queue.Empty:
            outcomes.put(None)
        except BaseException as error:  # noqa: BLE001  raised again in the caller's thread
            failed.set()
            outcomes.put(error)
        else:
            outcomes.put(None)

    workers = min(FETCHES_AT_ONCE, len(artifacts))
    for _ in range(workers):
        threading.Thread(target=work, name="fetch", daemon=True).start()
    errors = [outcomes.get() for _ in range(workers)]  # all of them: the lock is given back when nobody writes
    for error in errors:
        if error is not None:
            raise error


def _settle(artifact: Artifact, cache_dir: Path, incoming: str, fetch_one: Fetch, meter: "_Meter") -> None:
    """Leave the right file in its place: keep it if it is there, else drop what is there and fetch it."""
    place = artifact.path_in(cache_dir)
    if place.exists() and difference(artifact, place) is None:
        meter.add(artifact.size, artifact.file_name)
        return
    place.unlink(missing_ok=True)
    reason = ""
    for _ in range(ATTEMPTS):
        arrived = 0

        def count(new_bytes: int) -> None:
            nonlocal arrived
            arrived += new_bytes
            meter.add(new_bytes, artifact.file_name)

        with tempfile.TemporaryDirectory(prefix=incoming, dir=cache_dir) as empty:
            try:
                file = fetch_one(artifact, Path(empty), count)
                reason = difference(artifact, file) or ""
            except (OSError, RuntimeError) as error:
                reason = f"it could not be fetched ({error})"
            if not reason:
                place.parent.mkdir(parents=True, exist_ok=True)
                file.replace(place)
                meter.add(artifact.size - arrived, artifact.file_name)
                return
        meter.add(-arrived, artifact.file_name)
    raise ArtifactError(_sentence(artifact, reason, cache_dir))


def _sentence(artifact: Artifact, reason: str, cache_dir: Path) -> str:
    return (
        f"{artifact.coordinate} is not usable after {ATTEMPTS} attempts: {reason}. Expected {artifact.size} bytes with "
        f"sha256 {artifact.sha256}. Check that the Maven repository can be reached (behind a TLS proxy point "
        f"REQUESTS_CA_BUNDLE at its certificate), or copy the file to {artifact.path_in(cache_dir)}, and start again."
    )


def difference(artifact: Artifact, file: Path) -> str | None:
    """Say how `file` differs from the locked artifact, None if it does not."""
    size = file.stat().st_size
    if size != artifact.size:
        return f"the file has {size} bytes"
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return None if digest == artifact.sha256 else f"the file has sha256 {digest}"


# The archive's checksum is verified; Python before 3.11.4 does not know the filter.
_SAFELY: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}


def unpack(archive: Path, *, into: Path) -> Path:
    """Unpack a verified tar archive into the directory `into`, at once or not at all, and return it.

    A directory that is already there is the result of an earlier call and is kept.
    """
    with _only_this_process(into.parent / f"{into.name}.lock"):
        if not into.exists():
            unpacking = f".unpacking-{into.name}-"
            _sweep(into.parent, unpacking)
            with tempfile.TemporaryDirectory(prefix=unpacking, dir=into.parent) as scratch:
                shutil.unpack_archive(archive, scratch, **_SAFELY)
                Path(scratch).rename(into)
                Path(scratch).mkdir()  # the context removes what it made
            into.chmod(0o755)
    return into


def _stamp_of(lock: Path, paths: Sequence[Path]) -> str:
    marks = [(path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
    return json.dumps({"lock": hashlib.sha256(lock.read_bytes()).hexdigest(), "files": marks})


def _is_stamped(stamp: Path, lock: Path, paths: Sequence[Path]) -> bool:
    try:
        return stamp.read_text() == _stamp_of(lock, paths)
    except FileNotFoundError:
        return False


@contextmanager
def _only_this_process(lock_file: Path) -> Iterator[None]:
    with lock_file.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


class _Meter:
    """Adds up bytes of parallel fetches; what fails is taken off again, so the end is exactly the total."""

    def __init__(self, total_bytes: int, progress: Progress | None) -> None:
        self._total, self._done, self._progress = total_bytes, 0, progress
        self._lock = threading.Lock()

    def add(self, count: int, name: str) -> None:
        with self._lock:
            self._done += count
            if self._progress is not None:
                self._progress(self._done, self._total, name)
