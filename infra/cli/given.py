"""Options that were given and nobody would read: they are refused, since to ignore one is to do something else."""

import typer

from infra.cli.exits import CommandError, ExitCode


def refuse_before(context: typer.Context) -> None:
    """Refuse options that stand before the name of a subcommand, which has its own.

    Raises CommandError naming them.
    """
    if given := _given(context):
        name = context.invoked_subcommand
        raise CommandError(f"{', '.join(given)} must stand behind `{name}`", ExitCode.USAGE)


def refuse_beside(context: typer.Context, option: str, *read: str) -> None:
    """Refuse what `option` does not read: everything that was given but itself and the parameters `read`.

    Raises CommandError naming them.
    """
    if given := [name for name in _given(context, *read) if name != option]:
        raise CommandError(f"{', '.join(given)} has no meaning beside {option}: leave it out", ExitCode.USAGE)


def _given(context: typer.Context, *besides: str) -> list[str]:
    """The longest names of options of this command that its user gave, in its order."""
    return [
        max(parameter.opts, key=len)
        for parameter in context.command.params
        if parameter.name and parameter.name not in besides and _by_user(context, parameter.name)
    ]


def _by_user(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"
