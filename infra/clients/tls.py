"""TLS to any server: one way to make a context, and what a failed handshake means in one sentence."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from infra.clients.errors import AccessDeniedError

EXPIRED, NOT_YET_VALID = 10, 9
HOST_NAME_DIFFERS, ADDRESS_DIFFERS = 62, 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server as sentences about it name it, and the settings by which it is reached."""

    name: str
    address_variable: str
    ca_variable: str
    plain_advice: str


def tls_context(
    *, ca_file: Path | None, certificate_file: Path | None = None, key_file: Path | None = None
) -> ssl.SSLContext:
    """A context that checks certificate and host name, TLS 1.2 or newer; without `ca_file` it trusts the system's CAs.

    Raises ValueError naming the files if one cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file)
        if certificate_file:
            # Without a password at hand, OpenSSL would stop and ask the terminal for one.
            context.load_cert_chain(certificate_file, key_file, password="")
    except (OSError, ssl.SSLError) as error:
        named = ", ".join(str(file) for file in (ca_file, certificate_file, key_file) if file)
        raise ValueError(f"certificate files must be readable PEM without a passphrase, got {named}: {error}") from None
    return context


def tls_error_in(error: BaseException) -> ssl.SSLError | None:
    """The failed handshake that `error` is or was caused by, None if it was something else."""
    found: BaseException | None = error
    while found is not None and not isinstance(found, ssl.SSLError):
        found = found.__cause__ or found.__context__
    return found


def handshake_failed(error: ssl.SSLError, server: Server) -> AccessDeniedError:
    """What a failed handshake with `server` means, and what to do next."""
    return AccessDeniedError(f"{server.name} cannot be trusted or refused us: {_why(error, server)}")


def _why(error: ssl.SSLError, server: Server) -> str:
    code = getattr(error, "verify_code", 0)
    if code == EXPIRED:
        return "its certificate has expired, have it renewed"
    if code == NOT_YET_VALID:
        return "its certificate is not valid yet, check the clock of this machine"
    if code in {HOST_NAME_DIFFERS, ADDRESS_DIFFERS}:
        return (
            f"its certificate is for another host name, put a name it lists into {server.address_variable} "
            "or have it issued for this one"
        )
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"its certificate is signed by an authority not trusted here, set {server.ca_variable} to the file of that "
            "authority's certificate"
        )
    if error.reason in {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"}:
        return f"it does not speak TLS on this port, {server.plain_advice}"
    return f"the TLS handshake failed ({error.reason or error})"
