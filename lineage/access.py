"""Who may see what: signed-in access by token or by a reverse proxy's word, in two roles.

A VIEWER sees the streams with people hidden, an OPERATOR everything. A token comes as `Authorization: Bearer`, or from
the page as a cookie that scripts cannot read. A proxy's headers are believed from the addresses named as proxies only.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

COOKIE = "faretide_session"
USER_HEADER = "x-forwarded-user"
ROLE_HEADER = "x-faretide-role"


class Role(StrEnum):
    """What somebody signed in may see."""

    VIEWER = "viewer"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How people prove who they are. `viewer_token` may be empty: then nobody is a viewer by token."""

    operator_token: str
    viewer_token: str = ""
    proxies: frozenset[str] = frozenset()

    def role_of(self, *, headers: Mapping[str, str], cookies: Mapping[str, str], peer: str) -> Role | None:
        """The role of a request from address `peer`; None if it does not prove one. Header names are lower case."""
        if peer in self.proxies and headers.get(USER_HEADER):
            return Role.OPERATOR if headers.get(ROLE_HEADER) == Role.OPERATOR else Role.VIEWER
        scheme, _, told = headers.get("authorization", "").partition(" ")
        return self.role_by_token(told.strip() if scheme.lower() == "bearer" else cookies.get(COOKIE, ""))

    def name_of(self, *, headers: Mapping[str, str], peer: str) -> str:
        """Whose name an operation is put under: a proxy's word, or the dashboard's, for a token says no name."""
        told = headers.get(USER_HEADER, "") if peer in self.proxies else ""
        return told[:100] or "dashboard operator"

    def role_by_token(self, token: str) -> Role | None:
        """The role a token gives. Compared in constant time, so that its first letters cannot be guessed."""
        given = token.encode()
        for role, expected in ((Role.OPERATOR, self.operator_token), (Role.VIEWER, self.viewer_token)):
            if expected and hmac.compare_digest(given, expected.encode()):
                return role
        return None


def same_origin(headers: Mapping[str, str]) -> bool:
    """Whether a WebSocket was opened by a page of this server, or by a program, which names no origin.

    >>> same_origin({"origin": "http://127.0.0.1:8080", "host": "127.0.0.1:8080"}), same_origin({"origin": "http://x"})
    (True, False)
    """
    origin = headers.get("origin")
    return origin is None or origin.partition("://")[2] == headers.get("host", "")


SECURITY_HEADERS: Mapping[str, str] = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
