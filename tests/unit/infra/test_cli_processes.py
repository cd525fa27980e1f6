"""Services are started with our code and with all that it takes to reach servers."""

import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from infra.cli import processes
from infra.cli.processes import ServiceProcesses

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def started(monkeypatch, tmp_path):
    """Start a service from a directory of somebody's own; its command line and its environment."""
    heard = []

    def start_bound(command, *, environment, **_options):
        heard.append((command, environment))
        return SimpleNamespace(pid=1, poll=lambda: None, terminate=lambda: None, wait=lambda _timeout_s: 0)

    def start():
        services = ServiceProcesses(logs=tmp_path / "logs", environment={})
        services.start(["supply"])
        services.stop()
        return heard[-1]

    monkeypatch.setattr(processes, "start_bound", start_bound)
    monkeypatch.chdir(tmp_path)
    return start


def test_a_module_where_one_stands_is_not_taken_for_ours(started, tmp_path):
    """A `topics.py` is a likely name; the code is that of the process that starts the service."""
    (tmp_path / "topics.py").write_text("raise SystemExit('somebody else')")
    command, environment = started()
    python = command[: command.index("-m")]
    said = subprocess.run(
        [*python, "-c", "import topics; print(topics.__file__)"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (said.stdout.strip(), said.stderr) == (str(REPOSITORY / "topics" / "__init__.py"), "")


@pytest.mark.parametrize(
    "name", ["SSL_CERT_FILE", "SSL_CERT_DIR", "HTTPS_PROXY", "no_proxy", "PGSSLROOTCERT", "LC_ALL", "TMPDIR"]
)
def test_certificates_and_proxies_reach_the_services(started, monkeypatch, name):
    """They talk to the same servers as the command that starts them."""
    monkeypatch.setenv(name, "given")
    _, environment = started()
    assert environment[name] == "given"


def test_secrets_of_others_do_not(started, monkeypatch):
    """They are none of the services' business."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "given")
    _, environment = started()
    assert "AWS_SECRET_ACCESS_KEY" not in environment
