"""The reference of all topics as a Markdown page: what `docs/topics.md` must say.

`python -m topics.docs > docs/topics.md` writes it again.
"""

import json
import sys
from typing import Any

from topics.catalogue import DEAD_LETTERS, TOPICS, Topic
from topics.ledger import DeadLettered
from topics.schemas import text_of

_HEAD = """# Topics

The wire contract: Avro in the Confluent frame, one schema per topic in `avro/`, subjects `<topic>-value`,
compatibility FULL_TRANSITIVE. Instants are epoch milliseconds UTC, money is in minor units of the currency beside it.
Topics of one partition group have the same number of partitions. Headers `ce_id`, `ce_source`, `ce_type` and `ce_time`
stand on what concerns a rider and on what operators write, with `traceparent` where there is a trace; pings carry
`ce_source`; other records name writer and inputs themselves ([ADR 6](adr/0006-headers-where-somebody-reads-them.md)).
How to write and read them: [clients.md](clients.md).

| topic | key | group | kept | written by | read by |
|---|---|---|---|---|---|
"""


def render() -> str:
    """The whole page: a table of the topics, then each one's fields, then the dead letters."""
    rows = "\n".join(_row(topic) for topic in TOPICS)
    sections = "\n".join(_section(topic.name, topic.about, json.loads(text_of(topic))) for topic in TOPICS)
    names = ", ".join(f"`{topic.name}`" for topic in DEAD_LETTERS)
    letters = next(topic for topic in DEAD_LETTERS if topic.record is DeadLettered)
    about = f"What was refused, whole, with its reason, kept {_kept(letters)}: {names}."
    return f"{_HEAD}{rows}\n\n{sections}\n{_section('Dead letters', about, json.loads(text_of(letters)))}"


def _row(topic: Topic) -> str:
    link = f"[{topic.name}](#{topic.name.replace('.', '')})"
    readers = ", ".join(topic.readers)
    return f"| {link} | {topic.key} | {topic.group} | {_kept(topic)} | {topic.writer} | {readers} |"


def _section(title: str, about: str, schema: dict[str, Any]) -> str:
    """One topic: its record and the record's fields, then the records and enums inside it."""
    tables = [_fields(schema)]
    inner = [part for field in schema["fields"] for part in _named(field["type"])]
    for part in inner:
        body = _fields(part) if part["type"] == "record" else f"Symbols: {', '.join(part['symbols'])}.\n"
        tables.append(f"`{part['name']}`: {part['doc']}\n\n{body}")
    return f"## {title}\n\n{about} Record `{schema['name']}`: {schema['doc']}\n\n" + "\n".join(tables)


def _fields(record: dict[str, Any]) -> str:
    rows = [
        f"| {field['name']} | {_type(field['type'])} | {_default(field)} | {field['doc']} |"
        for field in record["fields"]
    ]
    return "| field | type | default | meaning |\n|---|---|---|---|\n" + "\n".join(rows) + "\n"


def _default(field: dict[str, Any]) -> str:
    """What a reader takes where the writer did not know the field; required fields have none."""
    return f"`{json.dumps(field['default'])}`" if "default" in field else "required"


def _named(node: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - any Avro type
    """Records and enums defined in a type, outermost first."""
    if isinstance(node, list):
        return [part for branch in node for part in _named(branch)]
    if not isinstance(node, dict):
        return []
    if node["type"] == "record":
        return [node, *(part for field in node["fields"] for part in _named(field["type"]))]
    return [node] if node["type"] == "enum" else _named(node.get("items", node.get("values")))


def _type(node: Any) -> str:  # noqa: ANN401 - any Avro type
    """A type in words."""
    if isinstance(node, list):
        return " or ".join(_type(branch) for branch in node)
    if isinstance(node, str):
        return node
    match node["type"]:
        case "array":
            return f"list of {_type(node['items'])}"
        case "map":
            return f"map of {_type(node['values'])}"
    return f"{node['name']}"


def _kept(topic: Topic) -> str:
    hours = topic.retention_ms // 3_600_000
    if hours < 0:
        return "for ever"
    return f"{hours} h" if hours < 48 else f"{hours // 24} d"


if __name__ == "__main__":
    sys.stdout.write(render())
