"""data/README.md lists what lies there."""

import re
import subprocess
from pathlib import Path

DATA = Path(__file__).resolve().parents[3] / "data"


def test_every_file_listed_is_in_git_and_every_other_way_round():
    """Who clones the repository has each file of the table, and each file has its source said."""
    listed = re.findall(r"^\| `([^`]+)` \|", (DATA / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    found = subprocess.run(["git", "ls-files", "."], cwd=DATA, check=True, capture_output=True, text=True)
    assert sorted(listed) == sorted(set(found.stdout.split()) - {"README.md"})
