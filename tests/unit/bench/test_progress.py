"""Cost is the slope between commits: neither starting up nor waiting at the end counts."""

import os
import subprocess
import sys

import pytest

from bench.processor_time import Used, used
from bench.progress import Seen, slope

CLOCK_TICK_S = 0.01
"""What the kernel's times of a process are rounded down to, user and system apart."""


def seen(*points):
    """Looks at a contestant: (records, processor seconds) each."""
    return [Seen(records, Used(cpu_s, 0, at_s)) for at_s, (records, cpu_s) in enumerate(points)]


def test_the_slope_begins_after_what_is_skipped_and_ends_with_the_last_commit():
    """Three seconds of start-up before the first commit and two of waiting after the last are left out."""
    #            start     skipped     counted from here  ·········· to here   waiting
    looks = seen((0, 0.0), (10, 3.0), (100, 4.0), (100, 4.5), (200, 5.0), (300, 6.0), (300, 8.0))
    first, last = slope(looks, 50)
    assert (first.records, last.records) == (100, 300)
    assert (last.used.cpu_s - first.used.cpu_s) / (last.records - first.records) == pytest.approx(0.01)


@pytest.mark.parametrize("looks", [seen((0, 0.0), (300, 6.0)), seen((0, 0.0)), seen((0, 0.0), (9, 1.0), (300, 6.0))])
def test_a_single_commit_has_no_slope(looks):
    """What was read in one piece after the skipped part cannot be told from starting up."""
    with pytest.raises(ValueError, match="two commits beyond 50"):
        slope(looks, 50)


def test_children_count_as_their_parent():
    """A contestant that works in another process gains nothing: what an ended child used is its parent's."""
    work = "import time; sum(i * i for i in range(10_000_000)); print(time.process_time(), flush=True)"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {work!r}]); print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        child_s = float(process.stdout.readline())
        process.stdout.readline()
        together_s = used(process.pid).cpu_s
        process.stdin.write(b"\n")
        process.stdin.close()
    assert together_s >= child_s - 2 * CLOCK_TICK_S
    assert used(os.getpid()).resident > 0
