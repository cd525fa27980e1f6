"""aiokafka's own coordinator, asked for commits while the broker loads the group."""

import asyncio

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import GroupAuthorizationFailedError
from aiokafka.protocol.commit import OffsetFetchResponse_v1, OffsetFetchResponse_v3

from agents.runtime.group_answers import heed

TP = TopicPartition("supply-cells.v1", 2)
COMMITTED, NEVER = (("supply-cells.v1", [(2, 15_221, "note", 0)]),), (("supply-cells.v1", [(2, -1, "", 0)]),)
LOADING, ELSEWHERE, FORBIDDEN, FINE = 14, 16, 30, 0


class Client:
    """Gives these answers in turn, and says who coordinates."""

    def __init__(self, answers):
        self.answers, self.lookups = list(answers), 0

    async def send(self, _node, _request, *, group):
        """The next answer."""
        return self.answers.pop(0)

    async def coordinator_lookup(self, _kind, _group):
        """Node 1."""
        self.lookups += 1
        return 1

    async def ready(self, _node, *, group):
        """It is."""
        return True


def coordinator(*answers):
    """A coordinator of aiokafka that knows node 1, without its tasks."""
    one = object.__new__(GroupCoordinator)
    one.group_id, one.coordinator_id, one._retry_backoff_ms = "faretide-pricing", 1, 1
    one._client, one._coordinator_lookup_lock = Client(answers), asyncio.Lock()
    one._closing, one._coordinator_dead_fut = (asyncio.get_running_loop().create_future() for _ in range(2))
    heed(one)
    return one


def answer(error, topics=()):
    """As Kafka answers since 0.10.2."""
    return OffsetFetchResponse_v3(0, topics, error)


@pytest.mark.parametrize("error", [LOADING, ELSEWHERE])
async def test_an_error_of_the_group_is_no_group_without_commits(error):
    """After a kill of the broker a worker would read everything anew and take its own commits back."""
    one = coordinator(answer(error), answer(error), answer(FINE, COMMITTED))
    found = await one.fetch_committed_offsets([TP])
    assert found[TP].offset == 15_221
    assert one._client.lookups == (2 if error == ELSEWHERE else 0)


async def test_what_asking_again_does_not_mend_is_raised():
    """A worker without permission says so."""
    with pytest.raises(GroupAuthorizationFailedError, match="faretide-pricing"):
        await coordinator(answer(FORBIDDEN)).fetch_committed_offsets([TP])


@pytest.mark.parametrize("said", [OffsetFetchResponse_v3(0, NEVER, 0), OffsetFetchResponse_v1(NEVER)])
async def test_a_group_that_never_committed_has_no_commits(said):
    """And an answer of a protocol without an error of the group has none."""
    assert await coordinator(said).fetch_committed_offsets([TP]) == {}
