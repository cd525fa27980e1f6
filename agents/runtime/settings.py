"""What a worker needs to know of its surroundings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import faust
from faust.types.auth import CredentialsT

from infra.clients.sessions import SESSION_S


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchWait:
    """The broker answers a fetch once it has so many `bytes`, or after so many `ms` with what there is."""

    bytes: int = 1
    ms: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """Broker, identity and timing of one worker.

    `bootstrap` is "host:port[,host:port…]". All workers of a service share its group. With `instance_id`, unique in the
    group and stable over restarts, the worker is a static member: a restart within the session moves no partition.
    `security` holds aiokafka's client arguments (`security_protocol`, `ssl_context`, `sasl_mechanism`,
    `sasl_plain_username`, `sasl_plain_password`). By the answer to a heartbeat a worker learns that another one died.
    An agent that acknowledges nothing for `hang_limit_s` although there is something to read ends the process. aiokafka
    keeps one fetch in flight per broker, so the milliseconds of `fetch_wait` are what a quiet partition may hold back a
    busy one (Faust: a fixed 1500). `table_standbys` is the number of other workers that follow each table; it must be
    at least 1, also without tables (it selects the assignor that keeps partition numbers together).
    """

    bootstrap: str
    group_prefix: str = "faretide-"
    instance_id: str | None = None
    client_id: str = "faretide"
    session_timeout_s: float = SESSION_S
    heartbeat_s: float = 0.5
    commit_interval_s: float = 1.0
    request_timeout_s: float = 30.0
    hang_limit_s: float = 60.0
    max_poll_records: int = 1000
    fetch_wait: FetchWait = FetchWait()
    buffered_batches: int = 64
    table_standbys: int = 1
    topic_replicas: int = 1
    security: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.heartbeat_s * 3 > self.session_timeout_s:
            raise ValueError(f"heartbeat_s must be at most a third of session_timeout_s, got {self.heartbeat_s}")
        if self.table_standbys < 1:
            raise ValueError(f"table_standbys must be at least 1, got {self.table_standbys}")

    @property
    def certain_s(self) -> float:
        """For how long an accepted heartbeat vouches for the place in the group, well within the session."""
        return 0.4 * self.session_timeout_s

    @property
    def broker_urls(self) -> str:
        """Bootstrap servers as Faust spells them."""
        return ";".join(f"kafka://{server.strip()}" for server in self.bootstrap.split(","))

    def credentials(self) -> CredentialsT | None:
        """Return `security` as Faust's credentials, None for plain text.

        Raises ValueError for a protocol other than PLAINTEXT, SSL, SASL_PLAINTEXT and SASL_SSL.
        """
        security = self.security
        protocol = security.get("security_protocol", "PLAINTEXT")
        if protocol == "PLAINTEXT":
            return None
        if protocol == "SSL":
            return faust.SSLCredentials(security["ssl_context"])
        if protocol in ("SASL_PLAINTEXT", "SASL_SSL"):
            return faust.SASLCredentials(
                mechanism=security.get("sasl_mechanism", "PLAIN"),
                username=security["sasl_plain_username"],
                password=security["sasl_plain_password"],
                ssl_context=security.get("ssl_context"),
            )
        raise ValueError(f"security_protocol must be PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL, got {protocol}")
