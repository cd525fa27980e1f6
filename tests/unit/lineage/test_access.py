"""Who may see what."""

from dataclasses import replace

import pytest

from infra.cli.dashboard import served
from lineage.access import SECURITY_HEADERS, Access, Role, same_origin
from lineage.pseudonyms import SEALED, Pseudonyms
from lineage.shown import shown
from topics.ledger import DeadLettered, Header

ACCESS = Access(operator_token="op", viewer_token="look", proxies=frozenset({"10.0.0.1"}))
USER = {"x-forwarded-user": "ann"}


@pytest.mark.parametrize(
    ("headers", "cookies", "peer", "role"),
    [
        ({}, {}, "1.2.3.4", None),
        ({"authorization": "Bearer op"}, {}, "1.2.3.4", Role.OPERATOR),
        ({"authorization": "bearer look"}, {}, "1.2.3.4", Role.VIEWER),
        ({"authorization": "Bearer "}, {}, "1.2.3.4", None),
        ({"authorization": "Basic op"}, {}, "1.2.3.4", None),
        ({}, {"faretide_session": "op"}, "1.2.3.4", Role.OPERATOR),
        ({}, {"faretide_session": "ope"}, "1.2.3.4", None),
        (USER, {}, "10.0.0.1", Role.VIEWER),
        (USER | {"x-faretide-role": "operator"}, {}, "10.0.0.1", Role.OPERATOR),
        (USER | {"x-faretide-role": "operator"}, {}, "10.0.0.2", None),
    ],
)
def test_a_role_needs_a_token_or_a_trusted_proxy(headers, cookies, peer, role):
    """Nothing gives no role; a proxy's headers from anyone else are not believed."""
    assert ACCESS.role_of(headers=headers, cookies=cookies, peer=peer) is role


@pytest.mark.parametrize("claimed", ["10.0.0.1", "203.0.113.5"])
async def test_nobody_passes_for_a_proxy_by_a_header(claimed):
    """The server hands on who connected, also if that is this machine: what a header says is anybody's word."""
    peers = []

    async def app(scope, _receive, _send):
        peers.append(scope["client"][0])

    config = served(app)
    config.load()
    headers = [(b"x-forwarded-for", claimed.encode()), (b"x-forwarded-user", b"ann")]
    scope = {
        "type": "http",
        "client": ("127.0.0.1", 1),
        "headers": headers,
        "scheme": "http",
        "asgi": {"version": "3.0"},
    }
    await config.loaded_app(scope, None, None)
    assert peers == ["127.0.0.1"]


def test_an_empty_viewer_token_lets_nobody_in():
    """A token that was not set is not the empty token."""
    assert Access(operator_token="op").role_by_token("") is None


def test_a_page_of_another_origin_may_not_open_the_socket():
    """A browser tells where the page came from; a program tells nothing."""
    assert not same_origin({"origin": "https://elsewhere.example", "host": "127.0.0.1:1"})
    assert same_origin({"origin": "https://fare.example", "host": "fare.example"})
    assert same_origin({})


def test_the_policy_allows_no_other_origin():
    """Every source is our own or nothing; no inline script."""
    policy = SECURITY_HEADERS["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "http" not in policy
    assert "unsafe" not in policy


def test_no_id_survives_at_any_depth_and_the_same_id_keeps_its_name():
    """Ids are hidden wherever they stand; what is equal stays equal."""
    hidden = Pseudonyms(b"key").hide(
        {"record": {"rider_id": "ann", "lines": [{"quote_id": "q1"}]}, "key": "ann", "raw": "ann's bytes", "id": None}
    )
    assert "ann" not in str(hidden)
    assert "q1" not in str(hidden)
    assert hidden["record"]["rider_id"] == hidden["key"]
    assert hidden["raw"] == SEALED
    assert hidden["id"] is None


def test_of_a_dead_letter_the_refused_bytes_are_sealed():
    """Whoever may not see people sees that a record was refused and why, not what it held."""
    letter = DeadLettered(
        topic="driver-pings.v1",
        partition=0,
        offset=3,
        timestamp_ms=1,
        key=b"driver-77",
        value=b'{"driver_id":"driver-77"}',
        headers=[Header(name="ce_id", value=b"driver-77")],
        error_class="Undecodable",
        rule="confluent-frame",
        sentence="it names driver-77",
        service="supply",
        now_ms=1,
    )
    hidden = Pseudonyms(b"key").hide({"record": shown(letter)})["record"]
    assert (hidden["value"], hidden["headers"]) == (SEALED, [{"name": "ce_id", "value": SEALED}])
    assert hidden["rule"] == "confluent-frame"
    assert Pseudonyms(b"key").hide(shown(replace(letter, value=None)))["value"] is None


def test_another_key_gives_other_names():
    """Without the key nobody can find out who it is by trying ids."""
    assert Pseudonyms(b"one").name("ann") != Pseudonyms(b"two").name("ann")
