"""Services are started with our code and all that it takes to reach servers, and started again unless replaced."""

import subprocess
import threading
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


LONG_S = 20
"""Far beyond what a machine at many times its load needs; waited for only by a test that fails."""


class Starts:
    """Starts of one keeper after the other; each does as its word says, and the last one runs on."""

    def __init__(self, *words):
        self.words, self.last = list(words), threading.Event()

    def __call__(self, _command, **_options):
        word = self.words.pop(0)
        if not self.words:
            self.last.set()
        if isinstance(word, OSError):
            raise word
        return SimpleNamespace(
            pid=1, poll=lambda: word, returncode=word, terminate=lambda: None, wait=lambda _timeout_s: 0
        )


@pytest.fixture
def kept(monkeypatch, tmp_path):
    """Watch one service whose keeper does as the words say, until nothing more is to follow; what was told of it."""

    def keep(*words, tell=None):
        starts, told, spoken = Starts(*words), [], threading.Event()

        def hear(sentence):
            told.append(sentence)
            spoken.set()
            if tell is not None:
                tell(sentence)

        monkeypatch.setattr(processes, "start_bound", starts)
        monkeypatch.setattr(processes, "LOOK_EVERY_S", 0.001)
        services = ServiceProcesses(logs=tmp_path / "logs", environment={}, tell=hear)
        services.start(["supply"])
        assert starts.last.wait(LONG_S)
        assert spoken.wait(LONG_S)
        services.stop()
        return services, told

    return keep


def test_a_keeper_is_started_again_though_nobody_can_be_told(kept):
    """`faretide up & disown` in a terminal that was closed: services are watched all the same."""

    def tell(_sentence):
        raise BrokenPipeError

    services, told = kept(70, 70, None, tell=tell)
    assert services.restarts == {"supply": 2}
    assert "ended with code 70 and is started again" in told[0]


def test_a_keeper_that_cannot_be_started_is_tried_again(kept):
    """A disk that is full may have room later; it is told of once."""
    full = OSError(28, "No space left on device")
    services, told = kept(70, full, full, None)
    assert services.restarts == {"supply": 1}
    (sentence,) = [sentence for sentence in told if "cannot be started again" in sentence]
    assert "supply ended with code 70" in sentence
    assert "No space left on device" in sentence


def test_one_that_was_replaced_is_left(kept):
    """Two machines on the same brokers would else take each other's places for ever."""
    services, told = kept(75)
    assert services.pids == {}
    assert told == [
        "supply ended with code 75: another process took its place; it is not started again here",
    ]
