"""Only the locked bytes are ever used, whatever the repository or the disk delivers."""

import hashlib
import json
import subprocess
import sys
import tarfile
import threading
from dataclasses import asdict
from pathlib import Path

import pytest

from infra.embedded.artifacts import ATTEMPTS, ArtifactError, fetch, unpack
from infra.embedded.lock import render
from infra.embedded.lockfile import KAFKA_LOCK, REGISTRY_LOCK, Artifact, read_lock

REPOSITORY = Path(__file__).parents[3]
CONTENTS = {"alpha": b"a" * 1000, "beta": b"b" * 2000}


def locked(name: str) -> Artifact:
    content = CONTENTS[name]
    return Artifact("org.example", name, "1.0", "", "jar", len(content), hashlib.sha256(content).hexdigest())


class FakeRepository:
    """Delivers `CONTENTS`, or first what a test scripts for a name: wrong bytes, or an error to raise."""

    def __init__(self, **scripted: list[bytes | Exception]) -> None:
        self.scripted = scripted
        self.asked: list[str] = []

    def __call__(self, artifact, directory, on_bytes):
        self.asked.append(artifact.a)
        script = self.scripted.get(artifact.a)
        answer = script.pop(0) if script else CONTENTS[artifact.a]
        if isinstance(answer, Exception):
            raise answer
        file = directory / "some" / "place"
        file.parent.mkdir()
        file.write_bytes(answer)
        on_bytes(len(answer))
        return file


@pytest.fixture
def lock(tmp_path):
    file = tmp_path / "some.json"
    file.write_text(render([locked("alpha"), locked("beta")]))
    return file


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def test_fetches_once_and_later_starts_ask_nobody(lock, cache):
    """All files arrive in the order of the lock file, and a second start asks the repository for nothing."""
    repository = FakeRepository()
    paths = fetch(lock, cache, fetch_one=repository)
    assert [path.read_bytes() for path in paths] == [CONTENTS["alpha"], CONTENTS["beta"]]
    assert fetch(lock, cache, fetch_one=repository) == paths
    assert sorted(repository.asked) == ["alpha", "beta"]


@pytest.mark.parametrize("damage", [b"x" * 1000, b"a" * 999, b""], ids=["same size", "cut short", "empty"])
def test_tampered_file_is_refused_and_fetched_again(lock, cache, damage):
    """A file changed after its arrival, even to other bytes of the same size, is dropped and fetched again."""
    (alpha, _) = fetch(lock, cache, fetch_one=FakeRepository())
    alpha.write_bytes(damage)
    repository = FakeRepository()
    fetch(lock, cache, fetch_one=repository)
    assert alpha.read_bytes() == CONTENTS["alpha"]
    assert repository.asked == ["alpha"]


def test_lost_stamp_costs_a_look_and_no_fetch(lock, cache):
    """Without its stamp a cache is verified by content and kept."""
    fetch(lock, cache, fetch_one=FakeRepository())
    (cache / "some.ok").unlink()
    repository = FakeRepository()
    fetch(lock, cache, fetch_one=repository)
    assert repository.asked == []


def test_wrong_bytes_and_broken_connections_are_tried_again(lock, cache):
    """A damaged answer and a lost connection are followed by another attempt."""
    repository = FakeRepository(alpha=[b"damaged"], beta=[ConnectionError("reset"), RuntimeError("not found")])
    paths = fetch(lock, cache, fetch_one=repository)
    assert [path.read_bytes() for path in paths] == [CONTENTS["alpha"], CONTENTS["beta"]]
    assert sorted(repository.asked) == ["alpha"] * 2 + ["beta"] * 3


def test_error_names_coordinate_expectation_and_remedy(lock, cache):
    """Persistent wrong bytes end in one sentence that says which, what was expected, what came and what to do."""
    repository = FakeRepository(beta=[b"evil"] * ATTEMPTS)
    with pytest.raises(ArtifactError) as raised:
        fetch(lock, cache, fetch_one=repository)
    sentence = str(raised.value)
    assert "org.example:beta:1.0" in sentence
    assert "the file has 4 bytes" in sentence
    assert locked("beta").sha256 in sentence
    assert "REQUESTS_CA_BUNDLE" in sentence
    assert not locked("beta").path_in(cache).exists()
    assert not list(cache.glob(".incoming-*"))


def test_failed_fetch_leaves_no_stamp(lock, cache):
    """After a failure the next start looks again instead of trusting a half filled cache."""
    with pytest.raises(ArtifactError):
        fetch(lock, cache, fetch_one=FakeRepository(beta=[OSError("offline")] * ATTEMPTS))
    repository = FakeRepository()
    fetch(lock, cache, fetch_one=repository)
    assert "beta" in repository.asked


def test_progress_ends_at_the_total_despite_retries(lock, cache):
    """Bytes of a failed attempt are taken off again: the last report is exactly the total."""
    reports = []
    repository = FakeRepository(alpha=[b"damaged"])
    fetch(lock, cache, fetch_one=repository, progress=lambda *report: reports.append(report))
    assert reports[-1][:2] == (3000, 3000)
    assert all(total == 3000 for _, total, _ in reports)
    assert {name for _, _, name in reports} == {"alpha-1.0.jar", "beta-1.0.jar"}


def test_two_at_once_fetch_everything_once(lock, cache):
    """Whoever comes second waits for the first and finds everything there."""
    repository = FakeRepository()
    threads = [threading.Thread(target=fetch, args=(lock, cache), kwargs={"fetch_one": repository}) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(repository.asked) == ["alpha", "beta"]


def test_archive_is_unpacked_whole_and_once(tmp_path):
    """Unpacking ends in a complete directory, which later calls keep, and leaves nothing else behind."""
    source = tmp_path / "hello.txt"
    source.write_text("hello")
    archive = tmp_path / "program.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(source, "lib/hello.txt")
    cache = tmp_path / "cache"
    cache.mkdir()
    program = unpack(archive, into=cache / "program")
    assert (program / "lib" / "hello.txt").read_text() == "hello"
    (program / "mark").touch()
    assert (unpack(archive, into=program) / "mark").exists()
    assert sorted(path.name for path in cache.iterdir()) == ["program", "program.lock"]


@pytest.mark.parametrize("file", [KAFKA_LOCK, REGISTRY_LOCK], ids=lambda file: file.stem)
def test_shipped_lock_files_are_complete_and_name_no_host(file):
    """Every entry has a digest and a size, none appears twice, and no address is written down."""
    artifacts = read_lock(file)
    assert all(len(bytes.fromhex(artifact.sha256)) == 32 and artifact.size > 0 for artifact in artifacts)
    assert len({(artifact.g, artifact.a, artifact.c) for artifact in artifacts}) == len(artifacts)
    assert "//" not in file.read_text()
    assert file.read_text() == render(artifacts)
    assert set(json.loads(file.read_text())[0]) == set(asdict(artifacts[0]))


def test_kafka_is_locked_with_a_logging_binding():
    """The broker's logging needs the binding that its Maven description leaves out, in the version of log4j itself."""
    versions = {artifact.a: artifact.v for artifact in read_lock(KAFKA_LOCK)}
    assert versions["log4j-slf4j-impl"] == versions["log4j-core"]
    assert versions["kafka-clients"] == versions["kafka_2.13"]


ENDED_DURING_A_FETCH = """
import sys, threading
from pathlib import Path
from infra.embedded.artifacts import fetch

begun = threading.Event()

def fetch_one(_artifact, _directory, _on_bytes):
    begun.set()
    threading.Event().wait()

given = Path(sys.argv[1]), Path(sys.argv[2])
threading.Thread(target=fetch, args=given, kwargs={"fetch_one": fetch_one}, daemon=True).start()
begun.wait()
"""


def test_a_process_ends_though_a_fetch_goes_on(lock, cache):
    """Ctrl-C during the first start need not wait for a hundred megabytes."""
    line = [sys.executable, "-c", ENDED_DURING_A_FETCH, str(lock), str(cache)]
    assert subprocess.run(line, cwd=REPOSITORY, check=False, timeout=60).returncode == 0


def test_what_a_killed_process_left_is_swept(lock, cache):
    """Half a file of an earlier kill; what is fetched for another lock file at the same time stays."""
    for name in (".incoming-some-killed", ".incoming-other-busy"):
        (cache / name).mkdir(parents=True)
        (cache / name / "half").touch()
    fetch(lock, cache, fetch_one=FakeRepository())
    assert [path.name for path in cache.glob(".incoming-*")] == [".incoming-other-busy"]
