"""The command `faretide`: its commands put together, and what is said when one fails.

A failure is one sentence on standard error and an exit code of `exits`; a traceback appears at FARETIDE_LOG_LEVEL=debug
only.
"""

import os
import sys
from collections.abc import Iterable

import typer

from infra.cli import publish, quote, schemas, tail, topics, train, up, worker
from infra.cli.exits import cause_of, exit_code_of, sentence_of
from infra.cli.output import complain


def run() -> None:
    """Entry point of the process."""
    try:
        app()
    except Exception as failure:  # noqa: BLE001  the last place where an error can become a sentence
        error = cause_of(failure)
        if os.environ.get("FARETIDE_LOG_LEVEL", "").lower() == "debug":
            sys.excepthook(type(error), error, error.__traceback__)
        complain(sentence_of(error))
        sys.exit(exit_code_of(error))


def build() -> typer.Typer:
    """The whole application."""
    made = _group("Prices rides from streams: Kafka in, locked and explained quotes out.")
    made.command("up", epilog=_examples(UP_EXAMPLES))(up.command)
    made.command("worker", epilog=_examples(WORKER_EXAMPLES))(worker.command)
    made.command("publish", epilog=_examples(publish.EXAMPLES))(publish.command)
    made.command("tail", epilog=_examples(tail.EXAMPLES))(tail.command)
    made.command("quote", epilog=_examples(quote.EXAMPLES))(quote.command)
    made.add_typer(_topics(), name="topics")
    made.add_typer(_schemas(), name="schemas")
    made.add_typer(_train(), name="train")
    return made


UP_EXAMPLES = ("faretide up", "faretide up --seconds 30 --json")
WORKER_EXAMPLES = ("FARETIDE_INSTANCE_ID=supply-0 faretide worker supply",)


def _topics() -> typer.Typer:
    group = _group("The topics on the brokers, beside the catalogue.", ("faretide topics list",))
    list_examples = ("faretide topics list", "faretide topics list --json | jq '.[] | {topic, records}'")
    group.command("list", epilog=_examples(list_examples))(topics.list_command)
    create_examples = ("FARETIDE_DRIVER_PARTITIONS=16 faretide topics create",)
    group.command("create", epilog=_examples(create_examples))(topics.create_command)
    group.command("check", epilog=_examples(("faretide topics check",)))(topics.check_command)
    return group


def _schemas() -> typer.Typer:
    group = _group("The schemas in the registry, beside this version's.", ("faretide schemas list",))
    group.command("list", epilog=_examples(("faretide schemas list --json",)))(schemas.list_command)
    group.command("register", epilog=_examples(("faretide schemas register",)))(schemas.register_command)
    group.command("check", epilog=_examples(("faretide schemas check",)))(schemas.check_command)
    return group


def _train() -> typer.Typer:
    group = _group("Train a model from the shipped pickups.", train.EXAMPLES)
    group.command("demand", epilog=_examples(train.EXAMPLES))(train.demand_command)
    return group


def _group(about: str, examples: Iterable[str] = ("faretide up", "faretide COMMAND --help")) -> typer.Typer:
    """Commands below one name; called without one, it shows its help."""
    # Plain help needs no drawing library, which would be most of the time until it shows.
    return typer.Typer(
        help=about,
        epilog=_examples(examples),
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )


def _examples(lines: Iterable[str]) -> str:
    """The end of a help page."""
    # A backspace tells the help to keep the lines of a paragraph as they are.
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


app = build()
