"""Frames: coalesced, numbered, the same for everyone, and never wrong for a slow client."""

import asyncio

import orjson
import pytest

from lineage.access import Role
from lineage.boards import Board
from lineage.hub import MOST_WAITING, Client, Hub
from lineage.pseudonyms import Pseudonyms


def hub_with(*names: str) -> Hub:
    """A hub whose clock stands still."""
    return Hub([Board(name) for name in names], Pseudonyms(b"key"), clock_ms=lambda: 7)


def watching(hub: Hub, *boards: str, role: Role = Role.OPERATOR) -> Client:
    """A client that has said what it watches."""
    client = Client(role)
    client.watch(boards)
    hub.clients.add(client)
    return client


async def frame(hub: Hub, client: Client) -> dict[str, object]:
    """The next frame the client is sent."""
    return orjson.loads(await asyncio.wait_for(client.next_frame(hub.snapshot), 1))


def held_by(frames: list[dict[str, object]]) -> dict[str, object]:
    """What a page knows after these frames; each must follow the one before."""
    values: dict[str, object] = {}
    number = -1
    for said in frames:
        if said["kind"] == "snapshot":
            values = dict(said["values"])
        else:
            assert said["number"] == number + 1
            values |= said["changed"]
            for key in said["dropped"]:
                values.pop(key, None)
        number = said["number"]
    return values


async def test_many_changes_between_two_beats_are_one_frame_with_the_last_of_each():
    """However often a value changes, a client hears of it once per beat."""
    hub = hub_with("map")
    client = watching(hub, "map")
    assert (await frame(hub, client))["kind"] == "snapshot"
    for price in range(100):
        hub.boards["map"].put("cell/a", price)
    hub.boards["map"].put("cell/b", 1)
    hub.boards["map"].drop("cell/b")
    hub.beat()
    said = await frame(hub, client)
    assert said["changed"] == {"cell/a": 99}
    assert said["dropped"] == ["cell/b"]
    hub.beat()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(client.next_frame(hub.snapshot), 0.01)


async def test_a_slow_client_gets_a_snapshot_and_then_goes_on_without_a_gap():
    """Whoever does not read skips states, holds few frames, and ends with what everyone else sees."""
    hub = hub_with("map")
    client = watching(hub, "map")
    frames = [await frame(hub, client)]
    for number in range(MOST_WAITING * 5):
        hub.boards["map"].put(f"cell/{number % 7}", number)
        hub.beat()
    assert client.lapsed == {"map"}
    frames.append(await frame(hub, client))
    assert frames[-1]["kind"] == "snapshot"
    hub.boards["map"].drop("cell/3")
    hub.beat()
    frames.append(await frame(hub, client))
    assert held_by(frames) == hub.boards["map"].values


async def test_a_snapshot_taken_between_beats_is_followed_by_the_right_delta():
    """A client that comes while changes wait is neither told them twice nor left without them."""
    hub = hub_with("map")
    early, late = watching(hub, "map"), Client(Role.OPERATOR)
    seen_early = [await frame(hub, early)]
    hub.boards["map"].put("cell/a", 1)
    hub.clients.add(late)
    late.watch(["map"])
    seen_late = [await frame(hub, late)]
    hub.boards["map"].put("cell/b", 2)
    hub.beat()
    seen_early += [await frame(hub, early), await frame(hub, early)]
    seen_late.append(await frame(hub, late))
    assert held_by(seen_early) == held_by(seen_late) == {"cell/a": 1, "cell/b": 2}


async def test_a_client_hears_only_of_what_it_watches():
    """Watching another set of boards begins anew and ends the old one."""
    hub = hub_with("map", "quotes")
    client = watching(hub, "map")
    await frame(hub, client)
    client.watch(["quotes"])
    hub.boards["map"].put("cell/a", 1)
    hub.boards["quotes"].put("quote/1", 1)
    hub.beat()
    said = await frame(hub, client)
    assert (said["board"], said["kind"]) == ("quotes", "snapshot")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(client.next_frame(hub.snapshot), 0.01)


async def test_a_viewer_is_sent_no_id_and_an_operator_is():
    """The same change reaches both, people hidden from one of them."""
    hub = hub_with("quotes")
    operator, viewer = watching(hub, "quotes"), watching(hub, "quotes", role=Role.VIEWER)
    await frame(hub, operator), await frame(hub, viewer)
    hub.boards["quotes"].put("quote/0@1", {"rider_id": "ann", "amount_minor": 800})
    hub.beat()
    seen = [await frame(hub, client) for client in (operator, viewer)]
    riders = [said["changed"]["quote/0@1"]["rider_id"] for said in seen]
    assert riders[0] == "ann"
    assert "ann" not in riders[1]
    assert seen[1]["changed"]["quote/0@1"]["amount_minor"] == 800


@pytest.mark.parametrize("role", list(Role))
def test_a_snapshot_says_the_time_it_is_sent_at(role):
    """Its values may be as old as the last change; the page tells ages by the server's clock."""
    clock = iter([1, 3_600_001])
    hub = Hub([Board("quotes")], Pseudonyms(b"key"), clock_ms=lambda: next(clock))
    hub.boards["quotes"].values["quote/0@1"] = {"rider_id": "ann"}
    first, later = (orjson.loads(hub.snapshot("quotes", role)) for _ in range(2))
    assert (first.pop("now_ms"), later.pop("now_ms")) == (1, 3_600_001)
    assert first == later
    assert (later["values"]["quote/0@1"]["rider_id"] == "ann") is (role is Role.OPERATOR)


def test_a_board_becomes_what_it_is_given():
    """Keys that are no longer there leave, equal values do not move."""
    board = Board("lineage")
    board.become({"a": 1, "b": 2})
    board.take_delta()
    board.become({"b": 2, "c": 3})
    delta = board.take_delta()
    assert delta is not None
    assert (delta.changed, delta.dropped) == ({"c": 3}, ("a",))
