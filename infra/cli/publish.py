"""`faretide publish`: rows of a file into a topic."""

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, NamedTuple

import typer

from infra.cli.exits import CommandError, ExitCode, exit_code_of
from infra.cli.output import complain, say, say_json

if TYPE_CHECKING:
    from infra.cli.preparing import Preparer, Refused
    from infra.cli.rows import FileFormat, Row
    from infra.clients.producer import Publisher
    from topics.catalogue import Topic

EXAMPLES = (
    "faretide publish driver-pings.v1 pings.jsonl",
    "faretide publish quote-requests.v1 docs/examples/requests.csv --json",
    "zcat events.jsonl.gz | faretide publish ride-events.v1 - --format jsonl",
)
BATCH_ROWS = 2_000
LINGER_MS = 20

Progress = Callable[[int, int], None]


class Tally(NamedTuple):
    """Rows published and refused."""

    published: int
    refused: int


def command(
    topic: Annotated[str, typer.Argument(metavar="TOPIC", help="Full name of a topic, see `faretide topics list`.")],
    file: Annotated[str, typer.Argument(metavar="FILE", help="A file, or - for standard input.")],
    file_format: Annotated[
        str, typer.Option("--format", help="jsonl, csv or avro; by default what the file's ending says.")
    ] = "",
    *,
    any_topic: Annotated[
        bool, typer.Option("--any-topic", help="Also topics that only the services write. For tests and repairs.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The result and refused rows as JSON.")] = False,
) -> None:
    """Publish the rows of a JSONL, CSV or Avro file.

    Keys, headers and partitions are derived from each row. Rows that a service would refuse are refused here, each
    named on standard error by line, field and rule; the others are published. Exit code 3: some were refused.

    CSV names the fields in its first line; an empty cell means the field's default; a list has semicolons between its
    items, or is JSON. Bytes are base64. Events that leave out at_ms happen now.
    """
    from infra.cli.rows import FileFormat, FileRefusedError, format_of
    from topics.catalogue import topic_named

    try:
        chosen, kind = topic_named(topic), FileFormat(file_format) if file_format else format_of(file)
    except FileRefusedError as error:
        raise CommandError(str(error), ExitCode.USAGE) from None
    except ValueError as error:
        raise CommandError(str(error).replace("FileFormat", "--format"), ExitCode.USAGE) from None
    if not any_topic and not is_outside(chosen):
        raise CommandError(f"{chosen.name} is written by {chosen.writer} only; --any-topic insists", ExitCode.USAGE)
    with _opened(file) as source, _progress(source, file, hidden=as_json) as progress:
        tally, elapsed_s = asyncio.run(_publish(chosen, source, kind, progress=progress, as_json=as_json))
    _report(chosen, tally, elapsed_s, as_json=as_json)
    if tally.refused:
        raise typer.Exit(ExitCode.PARTIAL)


def is_outside(topic: "Topic") -> bool:
    """Whether others than the services write `topic`: apps, operators, training."""
    from topics.catalogue import DRIVER_PINGS, MARKETS, MODELS, PRICING_POLICY, QUOTE_REQUESTS, RIDE_EVENTS

    return topic in {DRIVER_PINGS, QUOTE_REQUESTS, RIDE_EVENTS, PRICING_POLICY, MARKETS, MODELS}


async def _publish(
    topic: "Topic", source: BinaryIO, kind: "FileFormat", *, progress: Progress, as_json: bool
) -> tuple[Tally, float]:
    """Publish all rows of `source`; what became of them and how long it took, seconds."""
    from infra.cli.preparing import Preparer
    from infra.cli.rows import FileFormat, read_rows
    from infra.cli.session import open_session
    from infra.clients.producer import Publisher
    from infra.clients.registry import Registry

    connection = open_session("publish").connection
    async with Registry(connection) as registry:
        schema_ids = await registry.ids_of([topic])
    preparer = Preparer(topic, schema_ids[topic.name], textual=kind is FileFormat.CSV, dates=True)
    async with Publisher(connection, schema_ids, source="faretide/publish", linger_ms=LINGER_MS) as publisher:
        started_s = time.perf_counter()
        sender = _Sender(topic, publisher, preparer)
        tally = await sender.send(read_rows(source, kind), progress, lambda refused: _name(refused, as_json=as_json))
        return tally, time.perf_counter() - started_s


class _Sender:
    """Prepares and publishes batch after batch; memory stays at one batch."""

    def __init__(self, topic: "Topic", publisher: "Publisher", preparer: "Preparer") -> None:
        self._topic, self._publisher, self._preparer = topic, publisher, preparer

    async def send(self, rows: Iterator["Row"], progress: Progress, on_refused: Callable[["Refused"], None]) -> Tally:
        """Publish what can be. If the rest of the file cannot be read, what came before has been published.

        Raises CommandError, which says what was published until then.
        """
        from infra.cli.rows import FileRefusedError
        from infra.clients.errors import ClientError

        published = refused = 0
        broken: FileRefusedError | None = None
        while broken is None:
            batch: list[Row] = []
            try:
                for row in islice(rows, BATCH_ROWS):
                    batch.append(row)  # noqa: PERF402  what was read before the file broke is kept
            except FileRefusedError as error:
                broken = error
            if not batch:
                break
            ready, bad = self._preparer.prepare(batch)
            for refusal in bad:
                on_refused(refusal)
            try:
                sent = [await self._publisher.publish_encoded(self._topic, row.record, row.value) for row in ready]
                await self._publisher.written(self._topic, sent)
            except ClientError as error:
                raise CommandError(
                    f"{error} ({published} rows before line {batch[0].line} were published, {refused} refused; of "
                    f"those up to line {batch[-1].line} some may have been, of later ones none)",
                    exit_code_of(error),
                ) from None
            published, refused = published + len(ready), refused + len(bad)
            progress(published, refused)
        if broken is not None:
            raise CommandError(f"{broken} ({published} rows before it were published, {refused} refused)")
        return Tally(published, refused)


def _name(refused: "Refused", *, as_json: bool) -> None:
    """Say which row is refused and why."""
    if as_json:
        from infra.cli.output import to_json

        sayable = replace(refused, field=_sayable(refused.field), sentence=_sayable(refused.sentence))
        sys.stderr.write(f"{to_json(sayable)}\n")
    else:
        at = f", field {refused.field}" if refused.field else ""
        complain(f"line {refused.line}{at}, rule {refused.rule}: {refused.sentence}")


def _sayable(text: str) -> str:
    """`text` with what was not UTF-8 in the file as escapes: JSON has no other form for it."""
    return text.encode("utf-8", "backslashreplace").decode()


def _report(topic: "Topic", tally: Tally, elapsed_s: float, *, as_json: bool) -> None:
    if as_json:
        say_json({"topic": topic.name, **tally._asdict(), "elapsed_ms": round(elapsed_s * 1000)})
        return
    rate = tally.published / elapsed_s if elapsed_s > 0 else 0.0
    said = f"published {tally.published} rows to {topic.name} in {elapsed_s:.1f} s ({rate:,.0f}/s)"
    say(f"{said}, refused {tally.refused}" if tally.refused else said)


@contextmanager
def _opened(file: str) -> Iterator[BinaryIO]:
    """The bytes of `file`; `-` is standard input.

    Raises CommandError if it cannot be opened.
    """
    if file == "-":
        yield sys.stdin.buffer
        return
    try:
        source = Path(file).open("rb")  # noqa: SIM115  closed below; opening alone is what may fail here
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}", ExitCode.USAGE) from None
    with source:
        yield source


@contextmanager
def _progress(source: BinaryIO, file: str, *, hidden: bool) -> Iterator[Progress]:
    """A bar on a person's terminal, by bytes read; nothing elsewhere."""
    if hidden or not sys.stderr.isatty():
        yield lambda _published, _refused: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    total = Path(file).stat().st_size if file != "-" and source.seekable() else None
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("publishing", total=total)

        def show(published: int, refused: int) -> None:
            read = source.tell() if total is not None else 0
            bar.update(task, completed=read, description=f"{published:,} published, {refused:,} refused")

        yield show
