"""`faretide dashboard`: the streams live on a web page."""

import asyncio
import os
import secrets
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.exits import CommandError, ExitCode
from infra.cli.output import say, say_json
from infra.secret_files import DASHBOARD_TOKEN, FILE_SUFFIX, VIEWER_TOKEN, secret_of

if TYPE_CHECKING:
    import uvicorn
    from starlette.types import ASGIApp

    from infra.clients.connection import Connection
    from infra.settings import Settings
    from lineage.access import Access

EXAMPLES = (
    "faretide dashboard",
    "faretide dashboard --port 8787 --viewer-token look-only",
    "FARETIDE_DASHBOARD_TOKEN=… faretide dashboard --host 10.0.0.5 --trust-proxy 10.0.0.1",
)
WAIT_S = 600  # the first start fetches the jars
STOP_WITHIN_S, GRACE_S = 5.0, 3


def command(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 0,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    token: Annotated[
        str, typer.Option(help=f"Token of operators; by default ${DASHBOARD_TOKEN}, else a new one each start.")
    ] = "",
    viewer_token: Annotated[
        str,
        typer.Option(
            help=f"Token of viewers, who see pseudonyms for people; by default ${VIEWER_TOKEN}, else nobody is one."
        ),
    ] = "",
    trust_proxy: Annotated[
        list[str] | None,
        typer.Option(help="Address of a reverse proxy that signs people in (X-Forwarded-User, X-Faretide-Role)."),
    ] = None,
    wait: Annotated[float, typer.Option(help="Wait up to this many seconds for a `faretide up` to be ready.")] = 0.0,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="The addresses as one JSON document.")] = False,
    no_address: Annotated[bool, typer.Option("--no-address", hidden=True, help="Print no address.")] = False,
) -> None:
    """Serve the stream lineage dashboard: lineage, map, quotes, messages, late and lost.

    Prints its address. It reads topics outside every consumer group and writes nothing by itself, so no service is
    slowed or rebalanced by it; operators may put dead letters back, as `faretide dlq redrive` does.
    """
    from infra.cli.worker import connection_within
    from infra.logging import configure
    from infra.settings import read_settings
    from lineage.access import Access

    settings = read_settings()
    configure("dashboard", settings.log_format, settings.log_level, pseudonym_key=settings.log_key.get_secret_value())
    access = Access(
        operator_token=token or secret_of(DASHBOARD_TOKEN) or secrets.token_urlsafe(16),
        viewer_token=viewer_token or secret_of(VIEWER_TOKEN),
        proxies=frozenset(trust_proxy or ()),
    )
    listening = _listen(host, port)
    if not no_address:
        named = f"[{host}]" if ":" in host else host
        _say_addresses(f"http://{named}:{listening.getsockname()[1]}/", access, as_json=as_json)
    asyncio.run(_serve(settings, connection_within(settings, "dashboard", wait), access, listening))


def _say_addresses(address: str, access: "Access", *, as_json: bool) -> None:
    """Print where each role signs in; who reads it may do what the role may."""
    addresses = {"operator": f"{address}#token={access.operator_token}"}
    if access.viewer_token:
        addresses["viewer"] = f"{address}#token={access.viewer_token}"
    if as_json:
        say_json(addresses)
        return
    for role, its_address in addresses.items():
        say(its_address if role == "operator" else f"{its_address}  (viewers)")


def _listen(host: str, port: int) -> socket.socket:
    """A bound socket. Raises CommandError naming the address that is taken."""
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        said = f"the dashboard cannot listen on {host}:{port} ({error.strerror}): choose another --port"
        raise CommandError(said, ExitCode.USAGE) from None
    return listening


async def _serve(settings: "Settings", connection: "Connection", access: "Access", listening: socket.socket) -> None:
    """Serve until asked to stop. Raises CommandError if the live view fails, since its page would stand still."""
    from uvicorn import Server

    from infra.cli.dashboard_operations import Operations
    from lineage.desk import open_desk
    from lineage.kept import kept_of
    from lineage.server import make_app

    async with open_desk(connection, kept_of(settings), Operations(settings, connection).by_name()) as desk:
        failed = False

        def end() -> None:
            nonlocal failed
            failed = server.should_exit = True

        server = Server(served(make_app(desk, access, failed=end)))
        await server.serve([listening])
    if failed:
        raise CommandError("the live view failed: the log above says where")


def served(app: "ASGIApp") -> "uvicorn.Config":
    """How the application is served."""
    from uvicorn import Config

    return Config(
        app,
        log_config=None,
        access_log=False,
        proxy_headers=False,  # who connects is judged by `lineage.access`: a header would let a caller pass for a proxy
        ws="websockets-sansio",
        timeout_graceful_shutdown=GRACE_S,  # else one page whose reader sleeps keeps the server for ever
        ws_max_size=2**16,
        ws_per_message_deflate=False,  # a frame is encoded once for everyone; compressing it would be for each
    )


@contextmanager
def beside(settings: "Settings", *, logs: Path) -> Iterator[str]:
    """The dashboard as a child process that ends with this one; yields the address that signs in.

    It waits by itself until the servers are noted, and gets its token by environment: arguments are there for all to
    see. It does not print its address, which would keep the token in its log.
    """
    from infra.cli.processes import OWN_CODE, own_command
    from infra.embedded.ports import free_port
    from infra.embedded.processes import start_bound

    port, token = free_port(), secret_of(DASHBOARD_TOKEN) or secrets.token_urlsafe(16)
    environment = (
        {name: value for name, value in os.environ.items() if name != DASHBOARD_TOKEN + FILE_SUFFIX}
        | OWN_CODE
        | {
            DASHBOARD_TOKEN: token,
            "FARETIDE_STATE_DIR": str(settings.state_dir.resolve()),
            "FARETIDE_LOG_FORMAT": "json",
        }
    )
    command = own_command("dashboard", "--port", str(port), "--wait", str(WAIT_S), "--no-address")
    process = start_bound(command, log=logs / "dashboard.log", cwd=Path.cwd(), environment=environment)
    try:
        yield f"http://127.0.0.1:{port}/#token={token}"
    finally:
        process.terminate()
        try:
            process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
