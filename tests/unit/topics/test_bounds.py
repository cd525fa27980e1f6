"""Compiled code reads no byte outside the value it was given."""

import subprocess
import sys
from pathlib import Path


def test_no_read_passes_the_end_of_a_value():
    """Twenty thousand mutated values, each ending at a protected page: one read too far would kill the child."""
    child = subprocess.run(
        [sys.executable, "-m", "tests.unit.topics.guard_page", "20000"],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (child.returncode, child.stdout) == (0, "read"), child.stderr
