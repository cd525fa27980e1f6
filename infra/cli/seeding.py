"""The first market, policy and model: published once, from the data that ships with the project."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

from infra.cli.trained_files import BEHAVIOUR_VERSION
from infra.clients.connection import Connection
from infra.clients.consumer import Edge, tail
from infra.clients.producer import Publisher
from infra.clients.registry import Registry
from infra.clients.schema_ids import SchemaIds
from pricing.defaults import new_york_market, new_york_policy
from pricing.models.artefact import FORMAT
from pricing.models.behaviour_models import ACCEPTANCE, ETA, KINDS, SUPPLY
from pricing.models.model_choice import CHALLENGER, CHAMPION
from topics.catalogue import MARKETS, MODELS, PRICING_POLICY, Topic
from topics.control import ModelAnnounced

MODEL_DIR = Path(__file__).resolve().parents[2] / "models"
SHIPPED_NAME, SHIPPED_VERSION = "demand", 2


def shipped_model(now_ms: int) -> ModelAnnounced:
    """The demand model in `models/`, announced at `now_ms`."""
    shipped = MODEL_DIR / f"{SHIPPED_NAME}-{SHIPPED_VERSION}"
    artefact = shipped.with_suffix(".faretide").read_bytes()
    return ModelAnnounced(
        name=SHIPPED_NAME,
        version=SHIPPED_VERSION,
        alias=CHAMPION,
        format=FORMAT,
        sha256=hashlib.sha256(artefact).hexdigest(),
        artefact=artefact,
        card=shipped.with_suffix(".json").read_text(encoding="utf-8"),
        announced_ms=now_ms,
    )


def shipped_behaviour(now_ms: int) -> list[ModelAnnounced]:
    """The models of pickup time, acceptance and supply in `models/`, announced at `now_ms`.

    That of supply is a challenger: it counts cars better than the assumed parts, but riders waited longer at the prices
    made by it (docs/models.md).
    """
    return [_small(ETA, now_ms), _small(ACCEPTANCE, now_ms), _small(SUPPLY, now_ms, alias=CHALLENGER)]


def _small(name: str, now_ms: int, *, alias: str = CHAMPION) -> ModelAnnounced:
    shipped = MODEL_DIR / f"{name}-{BEHAVIOUR_VERSION}"
    artefact = shipped.with_suffix(".faretide").read_bytes()
    return ModelAnnounced(
        name=name,
        version=BEHAVIOUR_VERSION,
        alias=alias,
        format=KINDS[name].format,
        sha256=hashlib.sha256(artefact).hexdigest(),
        artefact=artefact,
        card=shipped.with_suffix(".json").read_text(encoding="utf-8"),
        announced_ms=now_ms,
    )


async def seed(connection: Connection, now_ms: int) -> list[str]:
    """Publish what is missing and return the names of the topics written to.

    A market or policy set by an operator stays; the shipped model is announced unless its very version already was.
    Nothing is back-dated: all of it applies from `now_ms` on.
    """
    models = [shipped_model(now_ms), *shipped_behaviour(now_ms)]
    wanted: list[tuple[Topic, Any]] = [
        (MARKETS, replace(new_york_market(), effective_from_ms=now_ms)),
        (PRICING_POLICY, replace(new_york_policy(), effective_from_ms=now_ms)),
        *((MODELS, model) for model in models),
    ]
    async with Registry(connection) as registry:
        ids = await registry.ids_of([topic for topic, _ in wanted])
        said = {topic.name: await _said(connection, topic, SchemaIds(registry)) for topic, _ in wanted}
    missing = [(topic, record) for topic, record in wanted if not any(_same(record, old) for old in said[topic.name])]
    async with Publisher(connection, ids, source="faretide/up") as publisher:
        for topic, record in missing:
            await publisher.written(topic, [await publisher.publish(topic, record)])
    return list(dict.fromkeys(topic.name for topic, _ in missing))


async def _said(connection: Connection, topic: Topic, ids: SchemaIds) -> list[Any]:
    entries = tail(connection, topic, ids, start=Edge.EARLIEST, follow=False)
    return [entry.record async for entry in entries if entry.record is not None]


def _same(record: Any, old: Any) -> bool:  # noqa: ANN401  records of one topic
    if isinstance(record, ModelAnnounced):
        return (record.name, record.version, record.sha256) == (old.name, old.version, old.sha256)
    return bool(record.market == old.market)
