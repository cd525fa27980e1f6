"""Bring single files from the Maven repository of this machine's configuration, and resolve what a root needs.

jgo does both. It writes in place and only warns on a bad checksum, so callers give it an empty directory and verify
what arrives (see `artifacts`).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.embedded.lockfile import Artifact

TIMEOUT_S = 60


def fetch_from_maven(wanted: Artifact, directory: Path, on_bytes: Callable[[int], None]) -> Path:
    """Fetch one file into `directory`, calling `on_bytes` with the size of each piece; return where it lies.

    Raises RuntimeError if no repository has it, OSError if the connection fails.
    """
    from jgo.maven import MavenContext, PythonResolver  # noqa: PLC0415  0.2 s, only when something is missing

    @contextmanager
    def report(_name: str, _total_bytes: int) -> Iterator[Callable[[int], None]]:
        yield on_bytes

    context = MavenContext(PythonResolver(progress_callback=report), repo_cache=directory, timeout=TIMEOUT_S)
    component = context.project(wanted.g, wanted.a).at_version(wanted.v)
    return Path(component.artifact(wanted.c, wanted.p).resolve())


def runtime_closure(root: str, directory: Path) -> list[tuple[str, str, str, str, str]]:
    """Return (g, a, v, c, p) of `root`, written group:name:version, and of all it needs to run.

    One root at a time: jgo takes each root of a list as a bill of materials, whose versions then override the others.
    Descriptions are kept in `directory`. Raises RuntimeError or OSError like `fetch_from_maven`.
    """
    from jgo.maven import MavenContext  # noqa: PLC0415  see above

    context = MavenContext(repo_cache=directory, timeout=TIMEOUT_S)
    inputs, transitive = context.resolver.resolve([context.create_dependency(root)])
    needed = [found for found in (*inputs, *transitive) if found.scope in (None, "compile", "runtime")]
    return [(x.groupId, x.artifactId, x.version, x.classifier, x.packaging) for x in (n.artifact for n in needed)]
