"""What an examination finds, and how checks run: side by side, for a bounded time, none able to end the others."""

import asyncio
import shutil
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from infra.cli.exits import cause_of, sentence_of
from infra.clients.connection import Connection
from infra.clients.errors import NothingRunsError, UnreachableError
from infra.settings import Settings


class Level(StrEnum):
    """How bad it is. SKIP: could not be looked at, for a reason another finding tells."""

    OK = "OK"
    SKIP = "SKIP"
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, how it is, and a sentence that ends with what to do unless all is well."""

    check: str
    level: Level
    said: str


@dataclass(frozen=True, slots=True)
class Told:
    """What a check has to say; the name of the check is added by `examine`."""

    level: Level
    said: str


@dataclass(frozen=True, slots=True)
class Disk:
    """Bytes of a file system."""

    total: int
    free: int


def disk_of(directory: Path) -> Disk:
    """The file system `directory` is on, or will be on."""
    there = next(place for place in (directory, *directory.parents) if place.exists())
    usage = shutil.disk_usage(there)
    return Disk(usage.total, usage.free)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """The installation that is examined. Disk and clock are arguments, so that a full disk can be shown without one."""

    settings: Settings
    connect: Callable[[], Connection]
    disk: Callable[[Path], Disk] = disk_of
    now_ms: Callable[[], int] = field(default=lambda: time.time_ns() // 1_000_000)


Look = Callable[[Patient], Awaitable[Sequence[Told]]]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing to look at: `advice` is for when its server does not answer.

    `after` names the check that says whether the servers it needs are there: where they are not, that one fails and
    this one is skipped.
    """

    name: str
    look: Look
    advice: str = ""
    after: str = ""


def ok(said: str) -> Told:
    """All is well."""
    return Told(Level.OK, said)


def skip(said: str) -> Told:
    """It could not be looked at."""
    return Told(Level.SKIP, said)


def warn(said: str) -> Told:
    """It works, but not for long or not as it should."""
    return Told(Level.WARN, said)


def fail(said: str) -> Told:
    """It does not work."""
    return Told(Level.FAIL, said)


async def examine(patient: Patient, checks: Sequence[Check], *, within_s: float) -> list[Finding]:
    """Run all `checks` side by side, each for `within_s` at most; findings in the order of the checks."""
    told = await asyncio.gather(*(_told(check, patient, within_s) for check in checks))
    return [Finding(check.name, one.level, one.said) for check, some in zip(checks, told, strict=True) for one in some]


async def _told(check: Check, patient: Patient, within_s: float) -> Sequence[Told]:
    try:
        async with asyncio.timeout(within_s):
            return await check.look(patient)
    except TimeoutError:
        return [fail(f"no answer within {within_s:.0f} s: look at the server's log, then try again")]
    except NothingRunsError as error:
        return [skip(f"not looked at: see {check.after}") if check.after else fail(str(error))]
    except UnreachableError as error:
        return [fail(f"{error}; {check.advice}") if check.advice else skip(f"not looked at: see {check.after}")]
    except Exception as failure:  # noqa: BLE001  a check that breaks must not hide what the others found
        return [fail(sentence_of(cause_of(failure)))]
