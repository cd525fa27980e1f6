"""The ledger entry of an event that came after its pane's grace."""

from topics.ledger import EventArrivedLate
from windows.panes import grace_end


def arrived_late(
    *, topic: str, partition: int, offset: int, event_id: str, at_ms: int, appended_ms: int, service: str
) -> EventArrivedLate:
    """What the ledger says about one late event.

    Raises ValueError if the event came in time.
    """
    late_by_ms = appended_ms - grace_end(at_ms)
    if late_by_ms <= 0:
        raise ValueError(f"appended_ms must be after the end of grace {grace_end(at_ms)}, got {appended_ms}")
    return EventArrivedLate(
        topic=topic,
        partition=partition,
        offset=offset,
        id=event_id,
        at_ms=at_ms,
        appended_ms=appended_ms,
        late_by_ms=late_by_ms,
        service=service,
    )
