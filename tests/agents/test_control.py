"""What governs prices is read from the beginning at each start: no record in it may end the worker."""

import asyncio
from types import SimpleNamespace

import pytest
from aiokafka import ConsumerRecord
from faust.types import TP

from agents.runtime.control import Control
from agents.runtime.telemetry import Meter
from topics.catalogue import MODELS, dead_letters_of
from topics.refusals import MISMATCH, undecodable

MODELS_0 = TP(MODELS.name, 0)


class Learner:
    """Learns every record but the one at offset 1, over which it raises."""

    def __init__(self, error):
        self.error, self.learnt, self.changes = error, [], 0

    def learn(self, _record, offset):
        if offset == 1:
            raise self.error
        self.learnt.append(offset)

    def change(self):
        self.changes += 1


def records(*offsets):
    """Records as the broadcast reader gives them."""
    return [ConsumerRecord(MODELS.name, 0, offset, 1_000, 1, b"k", b"v", None, 0, 0, ()) for offset in offsets]


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (undecodable(MISMATCH, "name"), "name: the bytes do not follow the schema they name"),
        (ValueError("no such market"), "no such market"),
        (KeyError("trees"), "KeyError: 'trees'"),
        (RecursionError("too deep"), "RecursionError: too deep"),
    ],
)
async def test_a_record_that_cannot_be_learnt_is_a_dead_letter_whatever_it_raises(error, sentence):
    """Those before and after it are in force, and what it raised is in the letter."""
    learner, letters = Learner(error), []

    async def publish(_app, outgoing):
        letters.extend(outgoing)

    worker = SimpleNamespace(
        bootstrap="127.0.0.1:1",
        name="pricing-0",
        service="pricing",
        security={},
        partitions={MODELS.name: 1},
        meter=Meter(service="pricing", worker="pricing-0"),
        contracts=SimpleNamespace(decode=lambda _topic, value: value),
        schema_ids=SimpleNamespace(known=lambda _schema: True),
        publish=publish,
    )
    app = SimpleNamespace(alongside=lambda _work: None)
    control = Control(app, worker, {MODELS: learner.learn}, learner.change)
    async with asyncio.timeout(5):
        await control._receive(MODELS_0, records(0, 1, 2))
    assert (learner.learnt, learner.changes) == ([0, 2], 1)
    (letter,) = letters
    assert letter.topic == dead_letters_of(MODELS)
    assert letter.record.offset == 1
    assert letter.record.rule == getattr(error, "rule", "makes-sense")
    assert letter.record.sentence == sentence
