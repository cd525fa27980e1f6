"""Pages of `docs/` that are made from the code: `python -m infra.cli.reference` writes them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from agents.runtime.metrics_reference import metrics_reference
from infra.cli.acls import acls_page
from infra.cli.exits import MEANINGS, SIGNALLED
from infra.cli.main import app
from infra.cli.settings_page import settings_reference

DOCS = Path(__file__).resolve().parents[2] / "docs"
WIDTH = 100
HEAD = """\
# The command line

Written by `python -m infra.cli.reference`; a test keeps it equal to the code. Results go to standard output, everything
else to standard error. Commands find the servers by the [settings](settings.md) or, without any, those of the `faretide
up` that runs on this machine. A failure is one sentence; `FARETIDE_LOG_LEVEL=debug` adds where it happened.

## Exit codes

| code | meaning |
|---|---|"""


def cli_reference() -> str:
    """The page `docs/cli.md`."""
    codes = [f"| {code.value} | {meaning} |" for code, meaning in MEANINGS.items()]
    codes.append(f"| 128 + n | {SIGNALLED} |")
    pages = [f"\n## {name}\n\n```text\n{text}\n```" for name, text in help_pages()]
    return "\n".join((HEAD, *codes, *pages, ""))


def help_pages() -> Iterator[tuple[str, str]]:
    """Full name and help of every command, groups before what they hold."""
    yield from _pages(typer.main.get_command(app), "faretide", parent=None)


def _pages(command: Any, name: str, parent: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401  typer's copy of click
    context = command.make_context(name, [], parent=parent, resilient_parsing=True, terminal_width=WIDTH)
    yield context.command_path, "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    for child, inner in getattr(command, "commands", {}).items():
        yield from _pages(inner, child, context)


def write(docs: Path = DOCS) -> None:
    """Write the pages."""
    (docs / "cli.md").write_text(cli_reference(), encoding="utf-8")
    (docs / "settings.md").write_text(settings_reference(), encoding="utf-8")
    (docs / "acls.md").write_text(acls_page(), encoding="utf-8")
    (docs / "metrics.md").write_text(metrics_reference(), encoding="utf-8")


if __name__ == "__main__":
    write()
