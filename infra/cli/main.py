"""The command `faretide`: its commands put together, and what is said when one fails.

A failure is one sentence on standard error and an exit code of `exits`; a traceback appears at FARETIDE_LOG_LEVEL=debug
only.
"""

import os
import sys
from collections.abc import Iterable
from typing import Any

import typer

from infra.cli import (
    acls,
    bench,
    bundle,
    cars,
    config,
    dashboard,
    db,
    dlq,
    dlq_redrive,
    doctor,
    explain,
    faults,
    forecast,
    forecast_report,
    forecast_supply,
    markets,
    models,
    offers,
    policy,
    publish,
    quote,
    replay,
    retire,
    schemas,
    simulate,
    tail,
    top,
    topics,
    train,
    train_behaviour,
    train_supply,
    up,
    worker,
)
from infra.cli.compiled import give_compiled_code_a_place
from infra.cli.exits import cause_of, exit_code_of, sentence_of
from infra.cli.output import complain


def run() -> None:
    """Entry point of the process."""
    give_compiled_code_a_place()
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
    made.command("top", epilog=_examples(top.EXAMPLES))(top.command)
    made.command("dashboard", epilog=_examples(dashboard.EXAMPLES))(dashboard.command)
    made.command("worker", epilog=_examples(WORKER_EXAMPLES))(worker.command)
    made.command("retire", epilog=_examples(retire.EXAMPLES))(retire.command)
    made.command("publish", epilog=_examples(publish.EXAMPLES))(publish.command)
    made.command("tail", epilog=_examples(tail.EXAMPLES))(tail.command)
    made.command("quote", epilog=_examples(quote.EXAMPLES))(quote.command)
    made.command("explain", epilog=_examples(explain.EXAMPLES))(explain.command)
    made.command("doctor", epilog=_examples(doctor.EXAMPLES))(doctor.command)
    made.command("faults", epilog=_examples(faults.EXAMPLES))(faults.command)
    made.command("bench", epilog=_examples(bench.EXAMPLES))(bench.command)
    made.add_typer(_topics(), name="topics")
    made.add_typer(_schemas(), name="schemas")
    made.add_typer(_config(), name="config")
    made.add_typer(_policy(), name="policy")
    made.add_typer(_markets(), name="markets")
    made.add_typer(_db(), name="db")
    made.add_typer(_dlq(), name="dlq")
    made.add_typer(_train(), name="train")
    made.add_typer(_forecast(), name="forecast")
    made.add_typer(_models(), name="models")
    made.add_typer(_replay(), name="replay")
    made.add_typer(_simulate(), name="simulate")
    made.add_typer(_bundle(), name="bundle")
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
    group.command("acls", epilog=_examples(acls.EXAMPLES))(acls.acls_command)
    return group


def _config() -> typer.Typer:
    group = _group("The settings of this process.", config.EXAMPLES)
    group.command("show", epilog=_examples(config.EXAMPLES))(config.show_command)
    return group


def _schemas() -> typer.Typer:
    group = _group("The schemas in the registry, beside this version's.", ("faretide schemas list",))
    group.command("list", epilog=_examples(("faretide schemas list --json",)))(schemas.list_command)
    group.command("register", epilog=_examples(("faretide schemas register",)))(schemas.register_command)
    group.command("check", epilog=_examples(("faretide schemas check",)))(schemas.check_command)
    return group


def _db() -> typer.Typer:
    group = _group("The database in which the recorder keeps what was quoted.", ("faretide db status",))
    migrate_examples = ("faretide db migrate", "FARETIDE_DATABASE_URL=postgresql://… faretide db migrate --json")
    group.command("migrate", epilog=_examples(migrate_examples))(db.migrate_command)
    status_examples = ("faretide db status", "faretide db status --json | jq '.topics[] | select(.behind > 0)'")
    group.command("status", epilog=_examples(status_examples))(db.status_command)
    group.command("erase", epilog=_examples(db.ERASE_EXAMPLES))(db.erase_command)
    return group


def _dlq() -> typer.Typer:
    group = _group("What was refused, why, and back again once it is mended.", dlq.EXAMPLES)
    group.command("ls", epilog=_examples(dlq.LS_EXAMPLES))(dlq.ls_command)
    group.command("show", epilog=_examples(dlq.SHOW_EXAMPLES))(dlq.show_command)
    group.command("export", epilog=_examples(dlq.EXPORT_EXAMPLES))(dlq.export_command)
    group.command("redrive", epilog=_examples(dlq_redrive.REDRIVE_EXAMPLES))(dlq_redrive.redrive_command)
    group.command("history", epilog=_examples(dlq_redrive.HISTORY_EXAMPLES))(dlq_redrive.history_command)
    return group


def _policy() -> typer.Typer:
    group = _group("What bounds prices in a market, since when and why.", policy.EXAMPLES)
    group.command("set", epilog=_examples(policy.SET_EXAMPLES))(policy.set_command)
    group.command("show", epilog=_examples(policy.SHOW_EXAMPLES))(policy.show_command)
    group.command("history", epilog=_examples(policy.HISTORY_EXAMPLES))(policy.history_command)
    group.command("dry-run", epilog=_examples(policy.DRY_RUN_EXAMPLES))(policy.dry_run_command)
    group.command("freeze", epilog=_examples(policy.FREEZE_EXAMPLES))(policy.freeze_command)
    group.command("unfreeze", epilog=_examples(policy.UNFREEZE_EXAMPLES))(policy.unfreeze_command)
    group.command("cap", epilog=_examples(policy.CAP_EXAMPLES))(policy.cap_command)
    return group


def _markets() -> typer.Typer:
    group = _group("Where rides are priced, in which time zone and currency, and what is sold there.", markets.EXAMPLES)
    group.command("set", epilog=_examples(markets.SET_EXAMPLES))(markets.set_command)
    group.command("show", epilog=_examples(markets.SHOW_EXAMPLES))(markets.show_command)
    group.command("history", epilog=_examples(markets.HISTORY_EXAMPLES))(markets.history_command)
    group.command("check", epilog=_examples(markets.CHECK_EXAMPLES))(markets.check_command)
    return group


def _train() -> typer.Typer:
    about = "Train models: demand from pickups, pickup time and acceptance from offers, supply from counts of cars."
    group = _group(about, train.EXAMPLES)
    group.command("demand", epilog=_examples(train.EXAMPLES))(train.demand_command)
    group.command("offers", epilog=_examples(offers.EXAMPLES))(offers.offers_command)
    group.command("eta", epilog=_examples(train_behaviour.EXAMPLES))(train_behaviour.eta_command)
    group.command("acceptance", epilog=_examples(train_behaviour.EXAMPLES))(train_behaviour.acceptance_command)
    group.command("cars", epilog=_examples(cars.EXAMPLES))(cars.cars_command)
    group.command("supply", epilog=_examples(train_supply.EXAMPLES))(train_supply.supply_command)
    return group


def _forecast() -> typer.Typer:
    group = _group("Forecast pickups and idle cars, and say how good that is.", forecast.EXAMPLES)
    group.command("report", epilog=_examples(forecast_report.EXAMPLES))(forecast_report.report_command)
    group.command("backtest", epilog=_examples(forecast.EXAMPLES))(forecast.backtest_command)
    group.command("supply", epilog=_examples(forecast_supply.EXAMPLES))(forecast_supply.supply_command)
    return group


def _models() -> typer.Typer:
    group = _group("The models announced to the services, by name, version and alias.", models.EXAMPLES)
    group.command("list", epilog=_examples(("faretide models list --json",)))(models.list_command)
    group.command("show", epilog=_examples(models.SHOW_EXAMPLES))(models.show_command)
    group.command("announce", epilog=_examples(models.ANNOUNCE_EXAMPLES))(models.announce_command)
    group.command("alias", epilog=_examples(models.ALIAS_EXAMPLES))(models.alias_command)
    return group


def _bundle() -> typer.Typer:
    group = _group("Recorded traffic in one file, with all that a replay rests on.", bundle.EXAMPLES)
    group.command("create", epilog=_examples(bundle.EXAMPLES[:2]))(bundle.create_command)
    group.command("verify", epilog=_examples(bundle.EXAMPLES[2:]))(bundle.verify_command)
    return group


def _replay() -> typer.Typer:
    group = typer.Typer(
        epilog=_examples(replay.EXAMPLES), invoke_without_command=True, callback=replay.command, **_LOOKS
    )
    group.command("verify", epilog=_examples(replay.VERIFY_EXAMPLES))(replay.verify_command)
    group.command("diff", epilog=_examples(replay.DIFF_EXAMPLES))(replay.diff_command)
    group.command("show", epilog=_examples(replay.SHOW_EXAMPLES))(replay.show_command)
    return group


def _simulate() -> typer.Typer:
    group = typer.Typer(
        epilog=_examples(simulate.EXAMPLES), invoke_without_command=True, callback=simulate.command, **_LOOKS
    )
    group.command("misfits", epilog=_examples(simulate.MISFITS_EXAMPLES))(simulate.misfits_command)
    group.command("facts", epilog=_examples(simulate.FACTS_EXAMPLES))(simulate.facts_command)
    return group


_LOOKS: dict[str, Any] = {
    "add_completion": False,
    "pretty_exceptions_enable": False,
    "rich_markup_mode": None,
    "context_settings": {"help_option_names": ["-h", "--help"], "max_content_width": 100},
}


def _group(about: str, examples: Iterable[str] = ("faretide up", "faretide COMMAND --help")) -> typer.Typer:
    """Commands below one name; called without one, it shows its help."""
    # Plain help needs no drawing library, which would be most of the time until it shows.
    return typer.Typer(help=about, epilog=_examples(examples), no_args_is_help=True, **_LOOKS)


def _examples(lines: Iterable[str]) -> str:
    """The end of a help page."""
    # A backspace tells the help to keep the lines of a paragraph as they are.
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


app = build()
