"""The command line as a whole: documented, quick to help, one sentence when it fails."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.cli.exits import MEANINGS, ExitCode
from infra.cli.reference import cli_reference, help_pages

ROOT = Path(__file__).parents[3]
PAGES = dict(help_pages())
GROUPS = {name for name, page in PAGES.items() if "COMMAND [ARGS]" in page}


def run(*arguments, state_dir, **variables):
    """The command in a process of its own, with nothing configured."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("FARETIDE_")}
    return subprocess.run(
        [sys.executable, "-m", "infra.cli", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=plain | {"FARETIDE_STATE_DIR": str(state_dir)} | variables,
        check=False,
        timeout=60,
    )


def test_the_page_of_commands_is_the_code():
    """docs/cli.md is what `python -m infra.cli.reference` writes."""
    assert (ROOT / "docs" / "cli.md").read_text() == cli_reference()


@pytest.mark.parametrize("name", PAGES)
def test_every_command_shows_an_example(name):
    """Help ends with a line one can copy, which starts the command it is about."""
    examples = PAGES[name].partition("Examples:")[2]
    assert f"{name} " in f"{examples} "


@pytest.mark.parametrize("name", sorted(set(PAGES) - GROUPS - {"faretide worker"}))
def test_every_command_speaks_json(name):
    """All but the worker, whose output is its log."""
    assert "--json" in PAGES[name]


def test_every_exit_code_is_documented():
    """None without a meaning, none twice."""
    assert set(MEANINGS) == set(ExitCode)
    assert len(set(MEANINGS.values())) == len(MEANINGS)


def test_help_loads_no_heavy_library():
    """Answers at once: nothing that connects, computes or compiles is imported for it."""
    heavy = ("numpy", "numba", "aiokafka", "httpx", "faust", "xgboost", "h3", "fastavro", "asyncpg")
    code = (
        "import sys; sys.argv = ['faretide', 'publish', '--help']\n"
        "from infra.cli.main import run\n"
        "try: run()\n"
        "except SystemExit: pass\n"
        f"print('loaded', [name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True, timeout=60
    )
    assert done.stdout.endswith("loaded []\n")


@pytest.mark.parametrize(
    ("arguments", "variables", "code", "said"),
    [
        (["topics", "list"], {}, 4, "nothing runs here"),
        (["topics", "list"], {"FARETIDE_ZONE_PARTITIONS": "x"}, 2, "FARETIDE_ZONE_PARTITIONS"),
        (["tail", "nope"], {}, 2, "topic must be one of driver-pings.v1"),
        (["tail", "surge.v1", "--from", "then"], {}, 2, "--from must be"),
        (["publish", "surge.v1", "x.jsonl"], {}, 2, "is written by pricing only"),
        (["publish", "driver-pings.v1", "no-such-file.jsonl"], {}, 2, "cannot be read: No such file"),
        (["publish", "driver-pings.v1", "x", "--format", "xml"], {}, 2, "not a valid --format"),
        (["quote", "--pickup", "1", "--dropoff", "1,1"], {}, 2, "--pickup must be LAT,LON"),
        (["db", "status"], {}, 4, "nothing runs here"),
        (
            ["db", "migrate"],
            {"FARETIDE_DATABASE_URL": "postgresql://me:secret@127.0.0.1:1/rides"},
            4,
            "the database at 127.0.0.1:1/rides does not answer",
        ),
        (
            ["topics", "list"],
            {"FARETIDE_BOOTSTRAP": "127.0.0.1:1", "FARETIDE_REGISTRY_URL": "http://127.0.0.1:1"},
            4,
            "the brokers at 127.0.0.1:1 do not answer",
        ),
        (
            ["schemas", "list"],
            {"FARETIDE_BOOTSTRAP": "127.0.0.1:1", "FARETIDE_REGISTRY_URL": "http://127.0.0.1:1"},
            4,
            "the schema registry at http://127.0.0.1:1 does not answer",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_failure_is_one_sentence_and_its_code(tmp_path, arguments, variables, code, said):
    """Never a traceback, nothing on standard output."""
    done = run(*arguments, state_dir=tmp_path, **variables)
    assert done.returncode == code
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("faretide: ")
    assert said in line


def test_debug_shows_where_it_failed(tmp_path):
    """The traceback is there for who asks for it."""
    done = run("topics", "list", state_dir=tmp_path, FARETIDE_LOG_LEVEL="debug")
    assert "Traceback" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("faretide: nothing runs here")
