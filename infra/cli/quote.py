"""`faretide quote`: ask for a price the way a rider's app does."""

import asyncio
import uuid
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.exits import CommandError, ExitCode
from infra.cli.output import say, say_json, say_table

if TYPE_CHECKING:
    from faretide.client import Answer
    from faretide.rides import LatLon
    from topics.prices import QuoteAnswered

EXAMPLES = (
    "faretide quote --pickup 40.7580,-73.9855 --dropoff 40.6413,-73.7781",
    "faretide quote --pickup 40.7580,-73.9855 --dropoff 40.6413,-73.7781 --product xl --timeout 5 --json",
)


def command(
    pickup: Annotated[str, typer.Option(metavar="LAT,LON", help="Where the ride begins, degrees.")],
    dropoff: Annotated[str, typer.Option(metavar="LAT,LON", help="Where the ride ends, degrees.")],
    product: Annotated[str, typer.Option(help="What kind of ride.")] = "standard",
    rider: Annotated[str, typer.Option(help="Who asks; by default a new rider.")] = "",
    timeout: Annotated[float, typer.Option(min=0.1, max=30.0, help="Seconds until the offer is of no use.")] = 10.0,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="The answer as one JSON object.")] = False,
) -> None:
    """Publish a quote request, wait for its answer and show the price and why it is what it is.

    Exit codes: 0 priced, 5 refused, 6 too late for a price, 7 no answer.
    """
    try:
        places = parse_place(pickup, "--pickup"), parse_place(dropoff, "--dropoff")
    except ValueError as error:
        raise CommandError(str(error), ExitCode.USAGE) from None
    answer = asyncio.run(_ask(rider or f"rider-{uuid.uuid4().hex[:12]}", places, product, timeout))
    if as_json:
        say_json(_as_object(answer))
    else:
        show(answer)
    if exit_code(answer.quote) is not ExitCode.OK:
        raise typer.Exit(exit_code(answer.quote))


async def _ask(rider_id: str, places: "tuple[LatLon, LatLon]", product: str, timeout_s: float) -> "Answer":
    from faretide.client import Client
    from faretide.rides import new_request
    from infra.cli.session import open_session

    connection = open_session("quote").connection
    servers = connection.endpoints
    async with Client(
        servers.bootstrap, servers.registry_url, source="faretide-quote", security=connection.security
    ) as client:
        # Made last: connecting is not part of the rider's wait.
        return await client.ask(new_request(rider_id, *places, product=product), deadline_s=timeout_s)


def parse_place(text: str, option: str) -> tuple[float, float]:
    """Latitude and longitude in degrees.

    Raises ValueError naming `option` if they are not two numbers on the globe.

    >>> parse_place("40.75,-73.98", "--pickup")
    (40.75, -73.98)
    """
    try:
        lat, lon = (float(part) for part in text.split(","))
    except ValueError:
        raise ValueError(f"{option} must be LAT,LON such as 40.7580,-73.9855, got {text!r}") from None
    if not (-90 <= lat <= 90 and -180 <= lon <= 180):
        raise ValueError(f"{option} must have a latitude of -90 to 90 and a longitude of -180 to 180, got {text!r}")
    return lat, lon


def exit_code(quote: "QuoteAnswered") -> ExitCode:
    """How the command ends after this answer."""
    from topics.prices import QuoteOutcome

    codes = {
        QuoteOutcome.PRICED: ExitCode.OK,
        QuoteOutcome.REFUSED: ExitCode.REFUSED,
        QuoteOutcome.EXPIRED: ExitCode.EXPIRED,
    }
    return codes.get(quote.outcome, ExitCode.FAILED)


def show(answer: "Answer") -> None:
    """Print an answer for a person: the price first, then why."""
    from pricing.rules.currencies import money

    quote = answer.quote
    if quote.refusal or not quote.currency:
        say(f"{quote.outcome.lower()}: {quote.refusal or 'the answer came after the deadline'}")
        say(f"answered in {answer.latency_ms:.0f} ms, request {quote.request_id}")
        return
    locked_s = (quote.valid_until_ms - quote.now_ms) / 1000
    price = money(quote.amount_minor, quote.currency)
    say(f"{price} for {quote.product}, {quote.multiplier_hundredths / 100:.2f}×, locked for {locked_s:.0f} s")
    say_table(("line", "amount"), [(line.code, money(line.amount_minor, quote.currency)) for line in quote.breakdown])
    say_table(
        ("reason", "before", "after"),
        [
            (why.code, f"{why.before_hundredths / 100:.2f}×", f"{why.after_hundredths / 100:.2f}×")
            for why in quote.reasons
        ],
    )
    say(f"{quote.distance_m / 1000:.1f} km, {quote.duration_s / 60:.0f} min{_wait(quote)}")
    say(f"quote {quote.quote_id}, {_tick(quote)}, answered in {answer.latency_ms:.0f} ms")


def tick_age_ms(quote: "QuoteAnswered") -> int | None:
    """Age of the tick when the quote was decided; None if the price rests on no tick."""
    return quote.now_ms - quote.tick_now_ms if quote.tick_now_ms else None


def _wait(quote: "QuoteAnswered") -> str:
    return f", car in about {max(quote.eta_s / 60, 1):.0f} min" if quote.eta_s >= 0 else ""


def _tick(quote: "QuoteAnswered") -> str:
    age_ms = tick_age_ms(quote)
    said = "no tick" if age_ms is None else f"tick {quote.tick_partition}@{quote.tick_offset} {age_ms} ms old"
    return f"{said} ({quote.fallback})" if quote.fallback else said


def _as_object(answer: "Answer") -> dict[str, Any]:
    return {
        "quote": answer.quote,
        "partition": answer.partition,
        "offset": answer.offset,
        "latency_ms": round(answer.latency_ms, 1),
        "tick_age_ms": tick_age_ms(answer.quote),
    }
