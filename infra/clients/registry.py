"""The schema registry, by its Confluent-compatible API: register our schemas, find ids, find schemas of ids.

Every question has three kinds of answer and they are never mixed: an answer, "there is none" (None, or a ClientError
that says so), and "cannot say now" (RegistryUnavailable, after a bounded number of tries). A reader may drop a record
whose schema does not exist; it must wait when the registry merely does not answer.
"""

import asyncio
import re
from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx

from infra.clients.connection import Connection, registry_client
from infra.clients.errors import (
    AccessDeniedError,
    ClientError,
    RegistryUnavailable,
    SchemaIncompatibleError,
    SchemaMissingError,
)
from infra.clients.tls import Server, handshake_failed, tls_error_in
from topics.catalogue import EVERY_TOPIC, Topic
from topics.schemas import text_of

COMPATIBILITY = "FULL_TRANSITIVE"
CONTENT_TYPE = "application/vnd.schemaregistry.v1+json"
TRIES = 4
TIMEOUT_S = 5.0
FIRST_PAUSE_S = 0.1
AT_ONCE = 8

# What a server says when the fault is its own or passes by itself.
TRANSIENT_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectState:
    """What the registry holds for one topic: `schema_id` of our schema, None if not registered; rule of its subject."""

    topic: Topic
    schema_id: int | None
    versions: int
    compatibility: str | None

    @property
    def faults(self) -> tuple[str, ...]:
        """What differs from what this version needs, one sentence each; empty if nothing does."""
        if self.schema_id is None:
            held = "another version" if self.versions else "none"
            return (f"{self.topic.subject} must have this version's schema, the registry has {held}",)
        if self.compatibility != COMPATIBILITY:
            return (f"{self.topic.subject} must be {COMPATIBILITY}, got {self.compatibility or 'no rule of its own'}",)
        return ()


class Registry:
    """One registry; use it as an async context."""

    def __init__(
        self,
        connection: Connection,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        tries: int = TRIES,
        first_pause_s: float = FIRST_PAUSE_S,
    ) -> None:
        """Talk to the registry of `connection`; each question is asked at most `tries` times, with doubling pauses."""
        self.url = connection.endpoints.registry_url.rstrip("/")
        self._tries, self._first_pause_s = tries, first_pause_s
        self._client = registry_client(
            connection,
            transport=transport,
            timeout=TIMEOUT_S,
            headers={"Content-Type": CONTENT_TYPE, "Accept": f"{CONTENT_TYPE}, application/json"},
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def register(self, topic: Topic) -> int:
        """Put this version's schema under the topic's subject and have the subject refuse breaking changes; its id.

        Doing it again changes nothing.

        Raises SchemaIncompatibleError naming subject and difference, RegistryUnavailable.
        """
        if await self._compatibility(topic) != COMPATIBILITY:
            await self._ask("PUT", f"/config/{topic.subject}", {"compatibility": COMPATIBILITY})
        path = f"/subjects/{topic.subject}/versions"
        answer = await self._ask("POST", path, {"schema": text_of(topic)}, expect={409})
        if answer.status_code == 409:
            raise SchemaIncompatibleError(_incompatible(topic, answer))
        return int(answer.json()["id"])

    async def register_all(self, topics: Iterable[Topic] = EVERY_TOPIC) -> dict[str, int]:
        """Register the schemas of `topics`; ids by topic name. Raises what `register` does."""
        return await self._for_each(topics, self.register)

    async def id_of(self, topic: Topic) -> int:
        """Id of this version's schema of `topic`.

        Raises SchemaMissingError if it was never registered, RegistryUnavailable.
        """
        found = await self._find(topic)
        if found is None:
            raise SchemaMissingError(
                f"the registry at {self.url} does not have this version's schema of {topic.name}: "
                "register it with `faretide schemas register`"
            )
        return found

    async def ids_of(self, topics: Iterable[Topic]) -> dict[str, int]:
        """Ids of this version's schemas by topic name. Raises what `id_of` does."""
        return await self._for_each(topics, self.id_of)

    async def schema(self, schema_id: int) -> str | None:
        """The schema of that id as text; None if the registry says that there is none.

        Raises RegistryUnavailable, ClientError if something else answers.
        """
        if schema_id < 0:
            return None
        answer = await self._ask("GET", f"/schemas/ids/{schema_id}", expect={404})
        if answer.status_code == 404:
            return None
        try:
            return str(answer.json()["schema"])
        except (KeyError, TypeError) as error:
            raise self._no_registry(answer) from error

    async def conflict(self, topic: Topic) -> str | None:
        """Why this version's schema cannot be registered beside the subject's versions, None if it can.

        Nothing is registered. Raises RegistryUnavailable.
        """
        path = f"/compatibility/subjects/{topic.subject}/versions?verbose=true"
        said = (await self._ask("POST", path, {"schema": text_of(topic)})).json()
        if said.get("is_compatible"):
            return None
        return _conflict(topic, "; ".join(said.get("messages") or ()) or "no reason given")

    async def state(self, topic: Topic) -> SubjectState:
        """What the registry holds for `topic`. Raises RegistryUnavailable."""
        versions = await self._ask("GET", f"/subjects/{topic.subject}/versions", expect={404})
        return SubjectState(
            topic=topic,
            schema_id=await self._find(topic),
            versions=0 if versions.status_code == 404 else len(versions.json()),
            compatibility=await self._compatibility(topic),
        )

    async def versions(self, topic: Topic) -> list[tuple[int, int, str]]:
        """(version, id, schema as text) of every version under the topic's subject, ascending.

        Raises RegistryUnavailable.
        """
        told = await self._ask("GET", f"/subjects/{topic.subject}/versions", expect={404})
        found = []
        for version in sorted([] if told.status_code == 404 else told.json()):
            one = (await self._ask("GET", f"/subjects/{topic.subject}/versions/{version}")).json()
            found.append((int(version), int(one["id"]), str(one["schema"])))
        return found

    async def versions_of(self, topics: Iterable[Topic]) -> dict[str, list[tuple[int, int]]]:
        """(version, id) of every version, by topic name. Raises RegistryUnavailable."""
        found = await self._for_each(topics, self.versions)
        return {name: [(version, number) for version, number, _ in versions] for name, versions in found.items()}

    async def states(self, topics: Iterable[Topic] = EVERY_TOPIC) -> list[SubjectState]:
        """What the registry holds for each of `topics`, in their order. Raises RegistryUnavailable."""
        return list((await self._for_each(topics, self.state)).values())

    async def _find(self, topic: Topic) -> int | None:
        answer = await self._ask("POST", f"/subjects/{topic.subject}", {"schema": text_of(topic)}, expect={404})
        return None if answer.status_code == 404 else int(answer.json()["id"])

    async def _compatibility(self, topic: Topic) -> str | None:
        answer = await self._ask("GET", f"/config/{topic.subject}", expect={404})
        return None if answer.status_code == 404 else str(answer.json().get("compatibilityLevel"))

    async def _for_each(self, topics: Iterable[Topic], ask: Any) -> dict[str, Any]:  # noqa: ANN401  bound methods above
        """Ask about several topics, a few at once; answers by topic name in the order of `topics`."""
        turn = asyncio.Semaphore(AT_ONCE)

        async def in_turn(topic: Topic) -> Any:  # noqa: ANN401  as `ask`
            async with turn:
                return await ask(topic)

        chosen = list(topics)
        answers = await asyncio.gather(*(in_turn(topic) for topic in chosen))
        return {topic.name: answer for topic, answer in zip(chosen, answers, strict=True)}

    async def _ask(
        self, method: str, path: str, body: dict[str, str] | None = None, *, expect: Iterable[int] = ()
    ) -> httpx.Response:
        """An answer that is a success or a status the caller expects.

        Raises RegistryUnavailable when all tries failed for reasons that may pass, AccessDeniedError for credentials or
        a certificate, ClientError for any other answer.
        """
        why = ""
        for attempt in range(self._tries):
            if attempt:
                await asyncio.sleep(self._first_pause_s * 2 ** (attempt - 1))
            try:
                answer = await self._client.request(method, f"{self.url}{path}", json=body)
            except (httpx.TransportError, httpx.InvalidURL) as error:
                if handshake := tls_error_in(error):
                    raise handshake_failed(handshake, self._server) from error
                why = str(error) or type(error).__name__
                continue
            if answer.status_code in TRANSIENT_STATUSES:
                why = f"status {answer.status_code}"
                continue
            return self._usable(answer, expect)
        raise RegistryUnavailable(
            f"the schema registry at {self.url} does not answer ({why}) after {self._tries} tries"
        )

    @property
    def _server(self) -> Server:
        return Server(
            name=f"the schema registry at {self.url}",
            address_variable="FARETIDE_REGISTRY_URL",
            ca_variable="FARETIDE_REGISTRY_CA_FILE",
            plain_advice="use https only where the registry does",
        )

    def _usable(self, answer: httpx.Response, expect: Iterable[int]) -> httpx.Response:
        """`answer` if its content can be trusted to mean what its status says.

        A 404 means "there is none" only in the registry's own words: a proxy or a wrong path says it too, and a
        proxy that wants somebody to sign in says 200.
        """
        if answer.is_success or answer.status_code in expect:
            if _is_json(answer) if answer.is_success else _error_code(answer) is not None:
                return answer
            raise self._no_registry(answer)
        if answer.status_code in {401, 403}:
            raise AccessDeniedError(
                f"the schema registry at {self.url} refuses this user or password: check FARETIDE_REGISTRY_USER and "
                "_PASSWORD"
            )
        asked = f"{answer.request.method} {answer.request.url.path}"
        raise ClientError(f"the schema registry at {self.url} refused {asked}: {_said(answer)}")

    def _no_registry(self, answer: httpx.Response) -> ClientError:
        return ClientError(f"{self.url} answers like no schema registry (status {answer.status_code}): check the URL")


def _is_json(answer: httpx.Response) -> bool:
    try:
        answer.json()
    except ValueError:
        return False
    return True


def _error_code(answer: httpx.Response) -> int | None:
    """The registry's own error code, such as 40403; None if this is not the registry speaking."""
    try:
        return int(answer.json()["error_code"])
    except (ValueError, KeyError, TypeError):
        return None


def _said(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        return f"status {answer.status_code}"


def _incompatible(topic: Topic, answer: httpx.Response) -> str:
    """One sentence from a refusal to register: which subject, which fields, what to do."""
    said = _said(answer)
    # Apicurio lists the differences in brackets; other registries say it in their own words.
    listed = re.search(r"list of diff types: \[(.*)\]", said, re.DOTALL)
    return _conflict(topic, listed[1] if listed else said)


def _conflict(topic: Topic, why: str) -> str:
    return (
        f"the schema of {topic.subject} does not go with its earlier versions ({why}): "
        "only add fields with a default or remove such fields, or make a new version of the topic"
    )
