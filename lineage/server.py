"""The dashboard's server: the page, its questions, and the WebSocket its boards come over.

    GET /              the page          POST /api/session     sign in with a token
    GET /api/…         one answer        WS   /api/boards      frames, see docs/dashboard.md
    POST /api/…        one operation, for operators

Everything under /api but signing in asks for a role. Whatever fails is answered with one sentence.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson
import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from infra.clients.errors import ClientError, UnreachableError
from lineage.access import COOKIE, SECURITY_HEADERS, Access, Role, same_origin
from lineage.desk import Desk
from lineage.evidence import NoSuchQuoteError
from lineage.hub import Client
from lineage.past import NothingKeptError
from lineage.state import BOARDS

STATIC = Path(__file__).parent / "static"
WEEK_S = 7 * 86_400
MOST_BYTES, SESSION_BYTES = 1 << 20, 4 << 10
"""Of the body of an operation, and of one that signs in."""
REFUSED = 4401
NOT_UNDERSTOOD = 4400
"""WebSocket close codes: no role, and a message that is none of the protocol's."""
_log = structlog.get_logger(__name__)


def make_app(desk: Desk, access: Access, *, failed: Callable[[], None] = lambda: None) -> Starlette:
    """The whole application; the desk's tasks run while it does.

    `failed` is called if one of them ends by an error, after which no frame would come: the server should end.
    """

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        try:
            async with asyncio.TaskGroup() as tasks:
                running = [tasks.create_task(desk.watching.run()), tasks.create_task(desk.hub.run())]
                yield
                for task in running:
                    task.cancel()
        except* Exception:
            _log.exception("the live view failed")
            failed()
            raise

    routes = [
        Route("/api/session", _Session(access), methods=["GET", "POST", "DELETE"]),
        *(Route(f"/api/{name}", _Question(access, desk, name)) for name in desk.questions),
        *(Route(f"/api/{name}", _Order(access, desk, name), methods=["POST"]) for name in desk.operations),
        WebSocketRoute("/api/boards", _boards(access, desk)),
        Mount("/assets", _Assets(directory=STATIC / "assets", check_dir=False)),
        Route("/{path:path}", _page),
    ]
    app = Starlette(routes=routes, lifespan=lifespan, exception_handlers={HTTPException: _refusal, Exception: _failure})
    app.add_middleware(_SecurityHeaders)
    return app


class _Assets(StaticFiles):
    """Script and styles of the page, which a browser asks for again each time: their names stay over releases."""

    def file_response(self, *arguments: Any, **options: Any) -> Response:  # noqa: ANN401  Starlette's own
        """The file, or that it has not changed."""
        response = super().file_response(*arguments, **options)
        response.headers["cache-control"] = "no-cache"
        return response


class _SecurityHeaders:
    """Puts the headers on every answer that keep a page to itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._headers = [(name.encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *self._headers]
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)


def _answer(value: Any, status: int = 200) -> Response:  # noqa: ANN401  whatever JSON can say
    return Response(orjson.dumps(value), status, media_type="application/json", headers={"cache-control": "no-store"})


async def _refusal(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _answer({"sentence": error.detail}, error.status_code)


async def _failure(_request: Request, _error: Exception) -> Response:
    """What nobody foresaw. Starlette sends this past the layer of the headers, then has the error logged."""
    response = _answer({"sentence": "the dashboard failed at this; its log says where"}, 500)
    response.headers.update(SECURITY_HEADERS)
    return response


async def _page(request: Request) -> Response:
    """The page, whatever view the address names; files of its own beside it."""
    asked = STATIC / request.path_params["path"].split("/")[-1]
    if asked.is_file() and asked.parent == STATIC:
        return FileResponse(asked, headers={"cache-control": "no-cache"})
    if request.path_params["path"].startswith("api/"):
        raise HTTPException(404, "there is no such question")
    return FileResponse(STATIC / "index.html", headers={"cache-control": "no-cache"})


def _role(access: Access, asking: Request | WebSocket) -> Role | None:
    peer = asking.client.host if asking.client else ""
    return access.role_of(headers=asking.headers, cookies=asking.cookies, peer=peer)


class _Endpoint:
    """Answers each request by `_respond`."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        await (await self._respond(request))(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        raise NotImplementedError


class _Session(_Endpoint):
    """Sign in, ask who one is, sign out."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def _respond(self, request: Request) -> Response:
        if request.method == "DELETE":
            response = _answer({})
            response.delete_cookie(COOKIE)
            return response
        if request.method == "GET":
            role = _role(self._access, request)
            return _answer({"role": role}, 200 if role else 401)
        token = str((await _body(request, SESSION_BYTES)).get("token", ""))
        role = self._access.role_by_token(token)
        if role is None:
            raise HTTPException(401, "this token is not one of this dashboard's: `faretide dashboard` prints them")
        response = _answer({"role": role})
        # a proxy that ends TLS speaks plain HTTP to us; the page says how it was reached
        secure = request.url.scheme == "https" or request.headers.get("origin", "").startswith("https://")
        response.set_cookie(COOKIE, token, max_age=WEEK_S, httponly=True, samesite="strict", secure=secure)
        return response


async def _body(request: Request, most: int = MOST_BYTES) -> dict[str, Any]:
    """The JSON object of a body of at most so many bytes: more is not kept, whoever sends it."""
    sent = bytearray()
    async for piece in request.stream():
        sent += piece
        if len(sent) > most:
            raise HTTPException(413, f"the body must have at most {most:,} bytes")
    try:
        said = orjson.loads(sent)
    except orjson.JSONDecodeError:
        said = None
    if not isinstance(said, dict):
        raise HTTPException(400, "the body must be one JSON object")
    return said


class _Question(_Endpoint):
    """One question of the page, for those with a role."""

    def __init__(self, access: Access, desk: Desk, name: str) -> None:
        self._access, self._desk, self._name = access, desk, name

    async def _respond(self, request: Request) -> Response:
        role = _role(self._access, request)
        if role is None:
            raise HTTPException(401, "sign in first: open the address that `faretide dashboard` printed")
        questions = self._desk.questions if role is Role.OPERATOR else self._desk.for_viewers
        said = await _told(questions[self._name](dict(request.query_params)))
        return _answer(said if role is Role.OPERATOR else self._desk.pseudonyms.hide(said))


class _Order(_Endpoint):
    """One operation, for operators who ask from a page of this server or with a token."""

    def __init__(self, access: Access, desk: Desk, name: str) -> None:
        self._access, self._desk, self._name = access, desk, name

    async def _respond(self, request: Request) -> Response:
        role = _role(self._access, request) if same_origin(request.headers) else None
        if role is not Role.OPERATOR:
            raise HTTPException(401 if role is None else 403, "only operators may do this: sign in as one")
        who = self._access.name_of(headers=request.headers, peer=request.client.host if request.client else "")
        return _answer(await _told(self._desk.operations[self._name](await _body(request), who)))


async def _told(answering: Awaitable[Any]) -> Any:  # noqa: ANN401  whatever JSON can say
    """What was answered; what cannot be answered is a status and a sentence."""
    try:
        return await answering
    except ValueError as error:
        raise HTTPException(400, str(error)) from None
    except (NoSuchQuoteError, NothingKeptError) as error:
        raise HTTPException(404, str(error)) from None
    except UnreachableError as error:
        raise HTTPException(503, str(error)) from None
    except ClientError as error:
        raise HTTPException(400, str(error)) from None


def _boards(access: Access, desk: Desk) -> Any:  # noqa: ANN401  Starlette's endpoint type
    async def endpoint(socket: WebSocket) -> None:
        role = _role(access, socket) if same_origin(socket.headers) else None
        await socket.accept()
        if role is None:
            await socket.close(REFUSED, "sign in first")
            return
        client = Client(role)
        desk.hub.clients.add(client)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_send(socket, client, desk))
                tasks.create_task(_listen(socket, client))
        except* (WebSocketDisconnect, RuntimeError, OSError):
            pass  # the page has gone; Starlette says RuntimeError when it went while we were sending
        finally:
            desk.hub.clients.discard(client)

    return endpoint


async def _send(socket: WebSocket, client: Client, desk: Desk) -> None:
    while True:
        frame = await client.next_frame(desk.hub.snapshot)
        await socket.send_text(frame.decode())


async def _listen(socket: WebSocket, client: Client) -> None:
    """What the page watches. A message that is not understood closes the connection with the reason."""
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message["code"])
        boards = _watched(message.get("text") or "")
        if boards is None:
            await socket.close(NOT_UNDERSTOOD, f'messages must be {{"watch": [boards]}}, boards of {", ".join(BOARDS)}')
            raise WebSocketDisconnect(NOT_UNDERSTOOD)
        client.watch(boards)


def _watched(text: str) -> frozenset[str] | None:
    """The boards a message asks for; None if it is no such message.

    >>> _watched('{"watch": ["map"]}'), _watched('{"watch": ["maps"]}'), _watched("hello")
    (frozenset({'map'}), None, None)
    """
    try:
        said = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    boards = said.get("watch") if isinstance(said, dict) else None
    if not isinstance(boards, list) or not all(board in BOARDS for board in boards):
        return None
    return frozenset(boards)
