"""Each schema stays readable by and from every version before it.

`golden/<topic>/<n>.avsc` are the versions published. A changed schema is added there as the next number, never edited.
"""

import copy
import io
import json
from pathlib import Path

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contract.compatibility import unreadable
from tests.strategies import avro_values
from topics.schemas import AVRO_DIR

GOLDEN = Path(__file__).parent / "golden"
VERSIONS = sorted(GOLDEN.glob("*/*.avsc"))
PUBLISHED = pytest.mark.parametrize("published", VERSIONS, ids=lambda path: f"{path.parent.name}-{path.stem}")


def current_of(published):
    return json.loads((AVRO_DIR / f"{published.parent.name}.avsc").read_text(encoding="utf-8"))


@PUBLISHED
def test_every_published_version_and_the_current_one_read_each_other(published):
    """FULL_TRANSITIVE: old records under the new schema, new records under the old one, any two versions."""
    old, new = json.loads(published.read_text(encoding="utf-8")), current_of(published)
    assert unreadable(old, new) == []
    assert unreadable(new, old) == []


@PUBLISHED
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_fastavro_reads_values_of_each_version_by_the_other(published, data):
    """What the checker says is what a real reader does with real values."""
    old, new = json.loads(published.read_text(encoding="utf-8")), current_of(published)
    for writer, reader in ((old, new), (new, old)):
        out = io.BytesIO()
        fastavro.schemaless_writer(out, writer, data.draw(avro_values(writer)))
        out.seek(0)
        assert fastavro.schemaless_reader(out, writer, reader) is not None


def test_every_schema_has_a_published_version():
    """A new topic is not protected before its first version is kept."""
    assert {path.parent.name for path in VERSIONS} == {path.stem for path in AVRO_DIR.glob("*.avsc")}


def without_default(schema):
    schema["fields"][-1] = {"name": "fresh", "type": "long", "doc": "New."}


def retyped(schema):
    schema["fields"][0]["type"] = "long"


def narrowed(schema):
    schema["fields"][1]["type"] = "int"


def enum_without_default(schema):
    kind = schema["fields"][4]["type"]
    kind["symbols"].remove("BUSY")
    del kind["default"]


@pytest.mark.parametrize("broken", [without_default, retyped, narrowed, enum_without_default], ids=lambda f: f.__name__)
def test_a_breaking_change_is_seen(broken):
    """The checker names the field for each kind of change that would strand somebody's records."""
    old = json.loads((GOLDEN / "driver-pings.v1" / "1.avsc").read_text(encoding="utf-8"))
    new = copy.deepcopy(old)
    broken(new)
    found = unreadable(old, new) + unreadable(new, old)
    assert found
    assert all(sentence.startswith(".") for sentence in found)
