"""`faretide topics acls`: the least rights of each service and kind of client, for people and for Kafka's tools."""

from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.output import is_terminal, say, say_json, say_table
from infra.cli.topics import AsJson

if TYPE_CHECKING:
    from infra.clients.rights import Right
    from topics.roles import Role

EXAMPLES = (
    "faretide topics acls --service quotes",
    "faretide topics acls --commands --bootstrap kafka:9093 --command-config admin.properties | sh",
)
Service = Annotated[str, typer.Option("--service", help="One service or kind of client only, such as `quotes`.")]
AsCommands = Annotated[bool, typer.Option("--commands", help="One `kafka-acls.sh` command a right, ready to run.")]
Bootstrap = Annotated[str, typer.Option("--bootstrap", help="Brokers in the commands.")]
CommandConfig = Annotated[
    str, typer.Option("--command-config", help="File in the commands that says how the administrator signs in.")
]


def acls_command(
    *,
    service: Service = "",
    commands: AsCommands = False,
    bootstrap: Bootstrap = "localhost:9093",
    command_config: CommandConfig = "",
    as_json: AsJson = False,
) -> None:
    """List the rights each service and kind of client needs on brokers with access control, and no more.

    They are derived from the contracts the services are started with. A principal is `User:` and the role's name: give
    each role a user of its own. `*` after a name means every name that begins so.
    """
    from infra.clients.rights import rights_of
    from topics.roles import ROLES

    roles = [_chosen(service)] if service else ROLES
    listed = [(role, right) for role in roles for right in rights_of(role)]
    if as_json:
        say_json([_as_object(role, right) for role, right in listed])
    elif commands:
        for role, right in listed:
            say(kafka_acls(role, right, bootstrap=bootstrap, command_config=command_config))
    else:
        rows = [(role.name, right.resource, _name(right), right.operation) for role, right in listed]
        say_table(("role", "resource", "name", "operation"), rows)
        if is_terminal():
            say("--commands prints these as kafka-acls.sh commands, --json as data")


def kafka_acls(role: "Role", right: "Right", *, bootstrap: str, command_config: str = "") -> str:
    """The command that grants `right` to the role's user, by the tool that comes with Kafka."""
    pattern = " --resource-pattern-type prefixed" if right.prefixed else ""
    resource = "cluster" if right.resource == "cluster" else f"{right.resource} {right.name}"
    config = f" --command-config {command_config}" if command_config else ""
    return (
        f"kafka-acls.sh --bootstrap-server {bootstrap}{config} --add --allow-principal User:{role.name} "
        f"--operation {right.operation} --{resource}{pattern}"
    )


def acls_page() -> str:
    """The table of `docs/acls.md`: one row a role and resource, its operations together."""
    from infra.clients.rights import rights_of
    from topics.roles import ROLES

    lines = []
    for role in ROLES:
        together: dict[tuple[str, str], list[str]] = {}
        for right in rights_of(role):
            together.setdefault((str(right.resource), _name(right)), []).append(str(right.operation))
        lines += [f"\n## {role.name}\n\n{role.about[0].upper()}{role.about[1:]}.\n", "| resource | name | operations |"]
        lines.append("|---|---|---|")
        lines += [f"| {kind} | `{name}` | {', '.join(found)} |" for (kind, name), found in together.items()]
    return "\n".join((_HEAD, *lines, ""))


def _chosen(name: str) -> "Role":
    from topics.roles import role_named

    try:
        return role_named(name)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--service") from None


def _name(right: "Right") -> str:
    return f"{right.name}*" if right.prefixed else right.name


def _as_object(role: "Role", right: "Right") -> dict[str, object]:
    return {
        "role": role.name,
        "principal": f"User:{role.name}",
        "resource": right.resource,
        "name": right.name,
        "pattern": "prefixed" if right.prefixed else "literal",
        "operation": right.operation,
        "permission": "allow",
        "host": "*",
    }


_HEAD = """\
# Least rights

Written by `python -m infra.cli.reference` from the roles in `topics/roles.py`; a test keeps the two equal. Each role is
a user of its own; `faretide topics acls --commands` prints what grants these rights. `*` means every name that begins
so. Read and Write include Describe; idempotent writes need no right of their own since Kafka 3.0."""
