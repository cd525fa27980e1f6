"""Heeding what the group's broker says of the whole group.

A broker that came back after a kill loads its groups first, and meanwhile answers a question for committed offsets
with one error for the group and not a single partition. aiokafka looks for errors of partitions only, so it takes that
for a group that never committed: everything there is would be read again as if it were new, and commits would go back.
"""

# ruff: noqa: ANN401  # aiokafka ships no types

from typing import Any

from aiokafka.errors import NoError, NotCoordinatorForGroupError, for_code
from aiokafka.protocol.commit import OffsetFetchRequest


def heed(coordinator: Any) -> None:
    """Raise the group's error when committed offsets are asked for; aiokafka asks again after those that pass.

    `coordinator` is aiokafka's GroupCoordinator; its `_send_req` is replaced on this one instance.
    """
    send = coordinator._send_req

    async def send_and_look(request: Any) -> Any:
        answer = await send(request)
        if isinstance(request, OffsetFetchRequest):
            error = for_code(getattr(answer, "error_code", NoError.errno))  # answers of before 2016 have none
            if error is NotCoordinatorForGroupError:
                coordinator.coordinator_dead()
            if error is not NoError:
                raise error(f"committed offsets of {coordinator.group_id}")
        return answer

    coordinator._send_req = send_and_look
