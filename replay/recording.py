"""A recording: records of some topics as the brokers held them, in one file that shows whether it was altered.

    about.json               what it is, which range, which code, and the SHA-256 of every other member
    schemas/ID.json          what the schema ids on its records mean
    topics/NAME/PARTITION    records in order of offset: offset, append time, key, value, headers

The file is a zip; members are deflated, and read as a stream. It is written beside its name and renamed when whole.
"""

import hashlib
import json
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NamedTuple, Protocol, Self

from topics.schemas import Schema, parse

FORMAT = "faretide-recording/1"
_HEAD = struct.Struct(">qqiiH")
_HEADER = struct.Struct(">Hi")
_NULL = -1
_READ_BYTES = 1 << 20


class RecordingError(ValueError):
    """The file is no recording, is cut short, or is not what was written: one sentence."""


class Raw(NamedTuple):
    """One record: offset, broker's append time in epoch milliseconds, and bytes as they stood."""

    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()


class Records(Protocol):
    """Whatever holds records by topic and partition."""

    def records(self, topic: str, partition: int) -> Iterator[Raw]:
        """Those of one partition in order of offset; none if it holds none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a recording is: outputs appended in `[from_ms, to_ms)` and what they name.

    `partitions` is topic → how many the topic has; `code` is the release that wrote it.
    """

    from_ms: int
    to_ms: int
    partitions: dict[str, int]
    code: str
    zones: list[str] = field(default_factory=list)
    note: str = ""


def framed(raw: Raw) -> bytes:
    """One record as bytes.

    >>> one = Raw(7, 1, b"k", None, (("ce_id", b"x"), ("empty", None)))
    >>> import io
    >>> next(unframed(io.BytesIO(framed(one)))) == one
    True
    """
    key, value = raw.key or b"", raw.value or b""
    head = _HEAD.pack(
        raw.offset,
        raw.timestamp_ms,
        _NULL if raw.key is None else len(key),
        _NULL if raw.value is None else len(value),
        len(raw.headers),
    )
    parts = [head, key, value]
    for name, said in raw.headers:
        named = name.encode()
        parts += [_HEADER.pack(len(named), _NULL if said is None else len(said)), named, said or b""]
    return b"".join(parts)


def unframed(stream: IO[bytes]) -> Iterator[Raw]:
    """The records of a member. Raises RecordingError where it ends within one."""
    while head := stream.read(_HEAD.size):
        if len(head) < _HEAD.size:
            raise RecordingError("the recording ends within a record: it was cut short")
        offset, timestamp_ms, key_bytes, value_bytes, count = _HEAD.unpack(head)
        key, value = _maybe(stream, key_bytes), _maybe(stream, value_bytes)
        headers = []
        for _ in range(count):
            name_bytes, said_bytes = _HEADER.unpack(_exactly(stream, _HEADER.size))
            headers.append((_exactly(stream, name_bytes).decode(), _maybe(stream, said_bytes)))
        yield Raw(offset, timestamp_ms, key, value, tuple(headers))


def _maybe(stream: IO[bytes], size: int) -> bytes | None:
    return None if size == _NULL else _exactly(stream, size)


def _exactly(stream: IO[bytes], size: int) -> bytes:
    found = stream.read(size) if size >= 0 else b""
    if len(found) != size:
        raise RecordingError("the recording ends within a record: it was cut short")
    return found


class RecordingWriter:
    """Writes a recording; used as a context, which leaves a whole file under its name, or none."""

    def __init__(self, path: Path) -> None:
        self._path, self._unfinished = path, path.with_name(f".{path.name}.part")
        self._hashes: dict[str, str] = {}
        self.counts: dict[str, int] = {}
        self.size = 0

    def __enter__(self) -> Self:
        self._zip = zipfile.ZipFile(self._unfinished, "w", zipfile.ZIP_DEFLATED, compresslevel=6)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()
        if kind is None:
            self._unfinished.replace(self._path)
        else:
            self._unfinished.unlink(missing_ok=True)

    @contextmanager
    def partition(self, topic: str, partition: int) -> Iterator[Callable[[Raw], None]]:
        """Begin one partition; what this gives takes its records in order of offset. One at a time."""
        name, digest = f"topics/{topic}/{partition}", hashlib.sha256()
        entry = zipfile.ZipInfo(name)
        entry.compress_type = zipfile.ZIP_DEFLATED

        def add(raw: Raw) -> None:
            body = framed(raw)
            digest.update(body)
            member.write(body)
            self.counts[topic] = self.counts.get(topic, 0) + 1
            self.size += len(body)

        with self._zip.open(entry, "w", force_zip64=True) as member:
            yield add
        self._hashes[name] = digest.hexdigest()

    def add(self, topic: str, partition: int, records: Iterable[Raw]) -> None:
        """Write one partition whole, records in order of offset."""
        with self.partition(topic, partition) as add:
            for raw in records:
                add(raw)

    def finish(self, about: About, schemas: Mapping[int, str]) -> None:
        """Write schemas by id, and last what it all is."""
        for schema_id, text in sorted(schemas.items()):
            name = f"schemas/{schema_id}.json"
            self._zip.writestr(zipfile.ZipInfo(name), text, zipfile.ZIP_DEFLATED)
            self._hashes[name] = hashlib.sha256(text.encode()).hexdigest()
        said = {"format": FORMAT, **_said(about), "sha256": self._hashes}
        self._zip.writestr(zipfile.ZipInfo("about.json"), json.dumps(said, indent=1, sort_keys=True))


def _said(about: About) -> dict[str, Any]:
    return {name: getattr(about, name) for name in About.__dataclass_fields__}


class Recording:
    """A recording opened for reading; several processes may read one file, each by a value of its own."""

    def __init__(self, path: Path) -> None:
        """Open the file. Raises RecordingError if it is none of this format, FileNotFoundError if it is not there."""
        self.path = path
        try:
            self._zip = zipfile.ZipFile(path)
            said = json.loads(self._zip.read("about.json"))
        except (zipfile.BadZipFile, KeyError, ValueError, zlib.error) as error:
            raise RecordingError(f"{path} is no recording, or was cut short: {error}") from None
        if said.get("format") != FORMAT:
            raise RecordingError(f"{path} must be of format {FORMAT}, got {said.get('format')!r}")
        self._hashes: dict[str, str] = said["sha256"]
        self.about = About(**{name: said[name] for name in About.__dataclass_fields__ if name in said})
        self._schemas: dict[int, Schema] = {}

    def check(self) -> None:
        """Compare every member with its hash. Raises RecordingError naming the first that was altered or is missing."""
        held = set(self._zip.namelist()) - {"about.json"}
        if held != self._hashes.keys():
            odd = min(held ^ self._hashes.keys())
            raise RecordingError(f"{self.path} was altered: {odd} is not where it should be")
        for name, wanted in self._hashes.items():
            digest = hashlib.sha256()
            with self._member(name) as member:
                while part := member.read(_READ_BYTES):
                    digest.update(part)
            if digest.hexdigest() != wanted:
                raise RecordingError(f"{self.path} was altered: {name} is not what was written")

    def records(self, topic: str, partition: int) -> Iterator[Raw]:
        """Those of one partition in order of offset; none if it holds none."""
        name = f"topics/{topic}/{partition}"
        if name in self._hashes:
            with self._member(name) as member:
                yield from unframed(member)

    def schema(self, schema_id: int) -> Schema:
        """What a schema id means. Raises RecordingError if the recording does not hold it."""
        if schema_id not in self._schemas:
            name = f"schemas/{schema_id}.json"
            if name not in self._hashes:
                raise RecordingError(f"{self.path} lacks the schema of id {schema_id}, which its records name")
            self._schemas[schema_id] = parse(self._zip.read(name).decode())
        return self._schemas[schema_id]

    @contextmanager
    def _member(self, name: str) -> Iterator[IO[bytes]]:
        try:
            with self._zip.open(name) as member:
                yield member
        except (zipfile.BadZipFile, zlib.error, EOFError, KeyError) as error:
            raise RecordingError(f"{self.path} was altered: {name} cannot be read: {error}") from None
