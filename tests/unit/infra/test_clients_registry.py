"""The registry client tells "there is none" from "cannot say now", and keeps to its number of tries."""

import json

import httpx
import pytest

from infra.clients.connection import Connection
from infra.clients.endpoints import Endpoints
from infra.clients.errors import ClientError, RegistryUnavailable, SchemaIncompatibleError, SchemaMissingError
from infra.clients.registry import COMPATIBILITY, Registry
from topics.catalogue import DEAD_LETTERS, DRIVER_PINGS, EVERY_TOPIC, QUOTES, SURGE
from topics.schemas import text_of

URL = "http://registry/api"


class FakeRegistry:
    """Subjects in dictionaries, behind the part of the Confluent API that the client uses.

    `before` are answers given first, whatever is asked: a status, or an exception. `breaking` are subjects that refuse.
    """

    def __init__(self, *, before=(), breaking=()):
        self.before, self.breaking = list(before), set(breaking)
        self.schemas, self.subjects, self.rules, self.asked = [], {}, {}, []

    def __call__(self, request):
        self.asked.append(f"{request.method} {request.url.path}")
        if self.before:
            first = self.before.pop(0)
            if isinstance(first, Exception):
                raise first
            return first
        _, _, kind, name, *rest = request.url.path.split("/")
        body = json.loads(request.content) if request.content else {}
        return getattr(self, f"_{kind}_{request.method.lower()}")(name, rest, body)

    def _config_get(self, subject, _rest, _body):
        known = self.rules.get(subject)
        return httpx.Response(200, json={"compatibilityLevel": known}) if known else missing(40408)

    def _config_put(self, subject, _rest, body):
        self.rules[subject] = body["compatibility"]
        return httpx.Response(200, json=body)

    def _subjects_get(self, subject, rest, _body):
        held = self.subjects.get(subject)
        if rest[1:]:
            text = held[int(rest[1]) - 1]
            return httpx.Response(200, json={"id": self.id_of(text), "schema": text})
        return httpx.Response(200, json=list(range(1, len(held) + 1))) if held else missing(40401)

    def _subjects_post(self, subject, rest, body):
        held = self.subjects.setdefault(subject, [])
        if not rest:
            found = body["schema"] in held
            return httpx.Response(200, json={"id": self.id_of(body["schema"])}) if found else missing(40403)
        if subject in self.breaking:
            said = "Incompatible artifact: x [AVRO], num of diffs: {1}, list of diff types: [lat at /fields/2]"
            return httpx.Response(409, json={"error_code": 409, "message": said})
        if body["schema"] not in held:
            held.append(body["schema"])
        return httpx.Response(200, json={"id": self.id_of(body["schema"])})

    def _schemas_get(self, _ids, rest, _body):
        at = int(rest[0]) - 1
        return httpx.Response(200, json={"schema": self.schemas[at]}) if at < len(self.schemas) else missing(40403)

    def id_of(self, text):
        if text not in self.schemas:
            self.schemas.append(text)
        return self.schemas.index(text) + 1


def missing(code):
    """The registry's own way of saying that there is none."""
    return httpx.Response(404, json={"error_code": code, "message": "not found"})


def client(fake, tries=3):
    """A client of the fake that does not wait between tries."""
    connection = Connection(endpoints=Endpoints(bootstrap="", registry_url=f"{URL}/"))
    return Registry(connection, transport=httpx.MockTransport(fake), tries=tries, first_pause_s=0)


async def test_registering_everything_twice_changes_nothing():
    """The same ids, one version each, and every subject refuses breaking changes."""
    fake = FakeRegistry()
    async with client(fake) as registry:
        first = await registry.register_all()
        again = await registry.register_all()
        states = await registry.states()
    assert first == again
    assert set(first) == {topic.name for topic in EVERY_TOPIC}
    assert {len(versions) for versions in fake.subjects.values()} == {1}
    assert set(fake.rules.values()) == {COMPATIBILITY}
    assert [fault for state in states for fault in state.faults] == []


async def test_every_version_of_a_topic_is_told_with_its_id():
    """Oldest first; none of a topic that was never registered."""
    fake = FakeRegistry()
    async with client(fake) as registry:
        await registry.register(DRIVER_PINGS)
        await registry.register(QUOTES)
        fake.subjects[QUOTES.subject].append("{}")
        found = await registry.versions_of([QUOTES, SURGE])
    assert found == {QUOTES.name: [(1, 2), (2, 3)], SURGE.name: []}


async def test_dead_letter_topics_share_one_id():
    """They hold one record class, hence one schema."""
    async with client(FakeRegistry()) as registry:
        ids = await registry.register_all()
    assert len({ids[topic.name] for topic in DEAD_LETTERS}) == 1


async def test_a_breaking_schema_is_a_sentence_naming_subject_and_field():
    """A refusal says what does not go together and what to do."""
    async with client(FakeRegistry(breaking={DRIVER_PINGS.subject})) as registry:
        with pytest.raises(SchemaIncompatibleError, match=r"driver-pings\.v1-value .*\(lat at /fields/2\).*default"):
            await registry.register(DRIVER_PINGS)


async def test_an_unregistered_schema_says_how_to_register():
    """No id is made up and nothing is registered in passing."""
    fake = FakeRegistry()
    async with client(fake) as registry:
        with pytest.raises(SchemaMissingError, match="faretide schemas register"):
            await registry.id_of(QUOTES)
        (state,) = await registry.states([QUOTES])
    assert fake.subjects == {QUOTES.subject: []}
    assert "the registry has none" in state.faults[0]


async def test_an_id_that_does_not_exist_is_none():
    """The registry's own 404 is an answer; ids below zero need no question."""
    fake = FakeRegistry()
    async with client(fake) as registry:
        made = await registry.register(QUOTES)
        assert await registry.schema(made) == text_of(QUOTES)
        assert await registry.schema(made + 1) is None
        before = len(fake.asked)
        assert await registry.schema(-1) is None
        assert len(fake.asked) == before


@pytest.mark.parametrize(
    "trouble", [httpx.Response(503), httpx.Response(429), httpx.ConnectError("refused"), httpx.ReadTimeout("slow")]
)
async def test_passing_trouble_is_asked_again(trouble):
    """One bad answer of the kind that passes does not reach the caller."""
    fake = FakeRegistry(before=[trouble])
    async with client(fake) as registry:
        assert await registry.schema(9) is None
    assert len(fake.asked) == 2


async def test_lasting_trouble_ends_after_the_tries_allowed():
    """Asked three times, then unavailable, which is not the same as not existing."""
    fake = FakeRegistry(before=[httpx.Response(500)] * 9)
    async with client(fake, tries=3) as registry:
        with pytest.raises(RegistryUnavailable, match=r"http://registry/api .*status 500.* after 3 tries"):
            await registry.schema(9)
    assert len(fake.asked) == 3


async def test_a_foreign_404_is_not_taken_for_a_missing_schema():
    """A proxy or a wrong path says 404 too: believing it would dead-letter good records."""
    fake = FakeRegistry(before=[httpx.Response(404, text="<html>nothing here</html>")])
    async with client(fake) as registry:
        with pytest.raises(ClientError, match="check the URL"):
            await registry.schema(9)


async def test_a_page_in_place_of_an_answer_is_not_taken_for_one():
    """A proxy that wants somebody to sign in says 200."""
    fake = FakeRegistry(before=[httpx.Response(200, text="<html>sign in</html>")])
    async with client(fake) as registry:
        with pytest.raises(ClientError, match=r"answers like no schema registry \(status 200\): check the URL"):
            await registry.schema(9)


async def test_refused_credentials_name_the_setting():
    """No second try with the same password."""
    fake = FakeRegistry(before=[httpx.Response(401, json={"error_code": 401, "message": "who?"})])
    async with client(fake) as registry:
        with pytest.raises(ClientError, match="FARETIDE_REGISTRY_USER"):
            await registry.schema(9)
    assert len(fake.asked) == 1


async def test_a_lax_subject_is_a_fault():
    """A schema that is there under a subject that allows breaking changes is reported."""
    fake = FakeRegistry()
    async with client(fake) as registry:
        await registry.register(QUOTES)
        fake.rules[QUOTES.subject] = "NONE"
        (state,) = await registry.states([QUOTES])
    assert state.faults == ("quotes.v1-value must be FULL_TRANSITIVE, got NONE",)
