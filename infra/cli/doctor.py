"""`faretide doctor`: look at every part of an installation and say what to do."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.exits import ExitCode
from infra.cli.output import is_terminal, say, say_json

if TYPE_CHECKING:
    from infra.cli.doctoring.findings import Check, Finding, Patient

EXAMPLES = ("faretide doctor", "faretide doctor --json | jq '.findings[] | select(.level != \"OK\")'")
WITHIN_S = 15.0
COLOURS = {"OK": "green", "SKIP": "blue", "WARN": "yellow", "FAIL": "red"}
BROKERS = "brokers"


def command(
    *, as_json: Annotated[bool, typer.Option("--json", help="The findings as one JSON document.")] = False
) -> None:
    """Check brokers, topics, schemas, database, clocks, groups and this machine, and say what to do.

    Changes nothing. Each line is OK, WARN, FAIL, or SKIP for what could not be looked at. Exit code 1 if any line is
    FAIL.
    """
    findings = asyncio.run(_examine())
    failed = any(finding.level == "FAIL" for finding in findings)
    if as_json:
        say_json({"well": not failed, "findings": findings})
    else:
        _show(findings)
    if failed:
        raise typer.Exit(ExitCode.FAILED)


def checks() -> "list[Check]":
    """Everything that is looked at, in the order of the lines."""
    from infra.cli.doctoring import brokers, database, groups, machine, records, registry
    from infra.cli.doctoring.findings import Check

    return [
        Check(BROKERS, brokers.check_brokers, advice="start the brokers, or check FARETIDE_BOOTSTRAP"),
        Check("registry", registry.check_registry, "start the registry, or check FARETIDE_REGISTRY_URL", BROKERS),
        Check("database", database.check_database, "start it, or check FARETIDE_DATABASE_URL", BROKERS),
        Check("topics", brokers.check_topics, after=BROKERS),
        Check("append time", brokers.check_append_time, after=BROKERS),
        Check("clock", records.check_clock, after=BROKERS),
        Check("producers", records.check_producers, after=BROKERS),
        Check("groups", groups.check_groups, after=BROKERS),
        Check("disk", machine.check_disk),
        Check("embedded", machine.check_embedded),
    ]


async def findings_of(patient: "Patient") -> "list[Finding]":
    """Everything found."""
    from infra.cli.doctoring.findings import examine

    return await examine(patient, checks(), within_s=WITHIN_S)


async def _examine() -> "list[Finding]":
    from infra.cli.doctoring.findings import Patient
    from infra.cli.session import quiet_settings
    from infra.clients.connection import connect

    settings = quiet_settings("doctor")
    return await findings_of(Patient(settings=settings, connect=lambda: connect(settings, client_id="faretide-doctor")))


def _show(findings: "list[Finding]") -> None:
    wide = max(len(finding.check) for finding in findings)
    for finding in findings:
        level = f"{finding.level:4}"
        shown = typer.style(level, fg=COLOURS[finding.level]) if is_terminal() else level
        say(f"{shown}  {finding.check:{wide}}  {finding.said}")
