"""What broker, registry and database have in common, shown by a sleeper."""

import psutil
import pytest

from infra.embedded.ownership import Ownership
from infra.embedded.processes import ServerProcess, plain_environment
from infra.embedded.server import EmbeddedServer


class Sleeper(EmbeddedServer):
    """A server that only sleeps, and may fail once it runs."""

    def __init__(self, data_dir, *, fails=False):
        super().__init__(data_dir)
        self.fails, self.ran = fails, None

    def start(self):
        with self._starting(ServerProcess("sleeper", self._data_dir)) as server:
            server.start(
                ["/bin/sleep", "300"],
                is_ready=lambda pid: psutil.Process(pid).name() == "sleep",
                environment=plain_environment(),
                timeout_s=20,
            )
            self.ran = server.pid
            if self.fails:
                raise OSError(28, "No space left on device")
        return self


@pytest.mark.parametrize("end", [EmbeddedServer.stop, EmbeddedServer.kill])
def test_a_server_lives_as_long_as_its_block(tmp_path, end):
    """It may be ended sooner, and again; one that was started before the block is not started twice."""
    server = Sleeper(tmp_path)
    end(server)
    with server.start() as within:
        assert within is server
        assert server.pid == server.ran
        assert psutil.pid_exists(server.ran)
    assert server.pid is None
    assert not psutil.pid_exists(server.ran)
    with server:
        end(server)
        assert not psutil.pid_exists(server.ran)


def test_a_start_that_fails_leaves_neither_process_nor_claim(tmp_path):
    """The last steps may fail when the process runs already."""
    server = Sleeper(tmp_path, fails=True)
    with pytest.raises(OSError, match="No space left"):
        server.start()
    assert not psutil.pid_exists(server.ran)
    Ownership(tmp_path, patience_s=0).release()
