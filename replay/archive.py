"""The one file that holds recorded traffic: captured, kept as a regression test, or handed to another checkout.

A zip of

    about.json                  format, code, range, zones, partitions, offsets, sha256 of all members and itself
    schemas/ID.json             writers' schemas by registry id
    topics/NAME/PARTITION       frames of `records`, in order of offset

Recorded outputs stand beside the inputs: they are what is expected. It is written under another name and renamed, so
none is ever half-written, and every hash is checked before a record is used.
"""

import hashlib
import json
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, Self

from replay.about import FORMAT, About, Held, about_of, document_of, member_of
from replay.records import Raw, packed, unpacked
from topics.catalogue import MODELS
from topics.schemas import Schema, parse

ABOUT = "about.json"
_DATE = (1980, 1, 1, 0, 0, 0)
_PIECE = 1 << 20
_LARGEST_SMALL = 4 << 20
# What reading a zip raises whose bytes were changed: sizes, methods and flags may be anything then.
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    KeyError,
    TypeError,
    ValueError,
    NotImplementedError,
    RuntimeError,
    OSError,
)


class ArchiveError(Exception):
    """The file cannot be used; one sentence says why."""


class ArchiveWriter:
    """Writes one file; `writing` makes it."""

    def __init__(self, archive: zipfile.ZipFile, *, is_small: bool) -> None:
        self._archive, self._is_small = archive, is_small
        self._sha256: dict[str, str] = {}
        self._parts: list[Held] = []

    def schemas(self, texts: Mapping[int, str]) -> None:
        """Hold the writers' schemas."""
        for number, text in sorted(texts.items()):
            self._add(f"schemas/{number}.json", text.encode())

    def log(self, topic: str, partition: int, span: tuple[int, int], records: Iterable[Raw]) -> None:
        """Hold records of one partition; `span` is the first offset and the one after the last."""
        with self.opening(topic, partition, span) as held:
            for raw in records:
                held.append(raw)

    @contextmanager
    def opening(self, topic: str, partition: int, span: tuple[int, int]) -> Iterator["MemberLog"]:
        """Hold records of one partition as they come."""
        name = member_of(topic, partition)
        with self._archive.open(_entry(name, is_small=self._is_small), "w", force_zip64=True) as member:
            log = MemberLog(member)
            yield log
        self._sha256[name] = log.digest.hexdigest()
        self._parts.append(
            Held(topic=topic, partition=partition, first=span[0], end=span[1], records=log.records, size=log.size)
        )

    def about(self, about: About) -> None:
        """Say what the file is: the last member, since it holds the hashes of the others."""
        self._add(ABOUT, document_of(replace(about, parts=self._parts), self._sha256))

    def _add(self, name: str, content: bytes) -> None:
        self._archive.writestr(_entry(name, is_small=self._is_small), content)
        self._sha256[name] = hashlib.sha256(content).hexdigest()


class MemberLog:
    """One partition being written; counts and hashes what passes."""

    def __init__(self, member: IO[bytes]) -> None:
        self._member = member
        self.digest = hashlib.sha256()
        self.records = self.size = 0

    def append(self, raw: Raw) -> None:
        """Append one record."""
        frame = packed(raw)
        self.records += 1
        self.size += len(frame)
        self.digest.update(frame)
        self._member.write(frame)


def _entry(name: str, *, is_small: bool) -> zipfile.ZipInfo:
    """A member of a fixed date, so that equal content gives an equal file."""
    entry = zipfile.ZipInfo(name, _DATE)
    # Announcements repeat whole artefacts, which only a window as large as they are sees. It is slow, though.
    is_worth_it = is_small or name == f"topics/{MODELS.name}/0"
    entry.compress_type = zipfile.ZIP_LZMA if is_worth_it else zipfile.ZIP_DEFLATED
    return entry


@contextmanager
def writing(path: Path, *, is_small: bool) -> Iterator[ArchiveWriter]:
    """A writer of the file at `path`, which appears whole when the block ends well, else not at all.

    `is_small` takes more time to make it smaller.

    Raises ArchiveError if it cannot be written.
    """
    unfinished = path.with_name(f".{path.name}.part")
    try:
        with zipfile.ZipFile(unfinished, "w") as archive:
            yield ArchiveWriter(archive, is_small=is_small)
        unfinished.replace(path)
    except OSError as error:
        raise ArchiveError(f"{path} cannot be written: {error.strerror}") from None
    finally:
        unfinished.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Archive:
    """A file that was found whole; made by `opened`. Every reading of a log opens the file anew."""

    path: Path
    about: About
    schemas: Mapping[int, Schema]

    def log(self, topic: str, partition: int) -> Iterator[Raw]:
        """Records of one partition in order, none if the file has none of it."""
        if self.about.part(topic, partition) is None:
            return
        with zipfile.ZipFile(self.path) as archive, archive.open(member_of(topic, partition)) as member:
            yield from unpacked(member)

    @classmethod
    def opened(cls, path: Path, *, check: bool = True) -> Self:
        """The file at `path`, with the hash of every member compared if `check`. Raises ArchiveError."""
        try:
            with zipfile.ZipFile(path) as archive:
                document = json.loads(_small(archive, ABOUT))
                _refuse_other_formats(path, document)
                about = about_of(document)
                if check:
                    _check(path, archive, document["sha256"])
                schemas = {
                    int(name.removeprefix("schemas/").removesuffix(".json")): parse(_small(archive, name).decode())
                    for name in archive.namelist()
                    if name.startswith("schemas/")
                }
            return cls(path, about, schemas)
        except FileNotFoundError:
            raise ArchiveError(f"{path} does not exist") from None
        except _BROKEN as error:
            raise ArchiveError(f"{path} is truncated or altered, or was never such a file: {error}") from None


def _small(archive: zipfile.ZipFile, name: str) -> bytes:
    """A member that is read whole. Raises ValueError if it says to be so large that no recording wrote it."""
    size = archive.getinfo(name).file_size
    if size > _LARGEST_SMALL:
        raise ValueError(f"{name} must have at most {_LARGEST_SMALL:,} bytes, got {size:,}")
    return archive.read(name)


def _refuse_other_formats(path: Path, document: Any) -> None:  # noqa: ANN401  anything JSON holds
    if not isinstance(document, dict):
        raise ArchiveError(f"{path} was altered: {ABOUT} must be an object, got {document!r:.40}")
    found = document.get("format")
    if found != FORMAT:
        raise ArchiveError(f"{path} has the format {found!r}, this version reads {FORMAT!r}: create it again")


def _check(path: Path, archive: zipfile.ZipFile, expected: Mapping[str, str]) -> None:
    """Raise ArchiveError unless the members are those listed, each as its hash says."""
    names = set(archive.namelist()) - {ABOUT}
    if names != set(expected):
        raise ArchiveError(f"{path} was altered: it lists {len(expected)} members and holds {len(names)}")
    for name in sorted(names):
        digest = hashlib.sha256()
        with archive.open(name) as member:
            while piece := member.read(_PIECE):
                digest.update(piece)
        if digest.hexdigest() != expected[name]:
            raise ArchiveError(f"{path} was altered: {name} is not what was written")


Alter = Callable[[str, Raw], Raw | None]
"""Of a topic's name and a record of it, what is to stand in its place; None for nothing."""


def copied(source: Archive, target: Path, alter: Alter, **otherwise: Any) -> None:  # noqa: ANN401  fields of About
    """Write a file like `source` with each record as `alter` has it; `otherwise` are changed fields of its `about`.

    Raises ArchiveError.
    """
    with zipfile.ZipFile(source.path) as archive:
        texts = {number: archive.read(f"schemas/{number}.json").decode() for number in source.schemas}
    about = source.about
    with writing(target, is_small=bool(about.zones)) as made:
        for part in about.parts:
            with made.opening(part.topic, part.partition, (part.first, part.end)) as log:
                for raw in source.log(part.topic, part.partition):
                    altered = alter(part.topic, raw)
                    if altered is not None:
                        log.append(altered)
        made.schemas(texts)
        made.about(replace(about, **otherwise))
