"""A quote's explanation for a terminal, from the JSON that `lineage.explain` makes."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from infra.cli.output import say, say_table
from pricing.rules.currencies import money

Story = Mapping[str, Any]
LEAST_TOLD = 0.0005
WINDOWS_TOLD = (60_000, 240_000, 1_920_000)


def tell(story: Story) -> None:
    """Print the story, the price first."""
    quote = story["quote"]["record"]
    for line in headline(story):
        say(line)
    if story["chain"]:
        say_table(("rule", "before", "after", "multiplier"), chain_rows(story), title="price")
    _forecast(story)
    if story["rings"]:
        say_table(("where", "cars idle", "busy", "riders 1 min", "4 min", "32 min"), ring_rows(story), title="counts")
    say_table(("step", "after"), waterfall_rows(story), title="from request to quote")
    say_table(("source", "record"), source_rows(story), title="sources")
    for sentence in story["gone"]:
        say(f"gone: {sentence}")
    if quote["fallback"]:
        say(f"fallback: {quote['fallback']}")


def headline(story: Story) -> list[str]:
    """What it is, and how far it can be believed."""
    quote, tick = story["quote"]["record"], story["tick"]
    if quote["outcome"] != "PRICED":
        why = quote["refusal"] or "the answer came after the deadline"
        return [f"quote {quote['quote_id']} at {story['quote']['place']}: {quote['outcome'].lower()}, {why}"]
    price, times = money(quote["amount_minor"], quote["currency"]), quote["multiplier_hundredths"] / 100
    said = [f"quote {quote['quote_id']} at {story['quote']['place']}: {price} for {quote['product']}, {times:.2f}×"]
    said.append(f"policy {quote['policy_offset']}, market {quote['market']} {quote['markets_offset']}")
    if tick is None:
        return [*said, "no tick was used" if quote["tick_offset"] < 0 else "its tick is no longer kept"]
    model = tick["model"] or f"none ({tick['fallback']})"
    said.append(f"tick {tick['place']}, {quote['now_ms'] - tick['now_ms']} ms old, model {model}")
    return [*said, checked(story)]


def checked(story: Story) -> str:
    """Whether the tick, computed again, is what was published."""
    tick = story["tick"]
    if not tick["recomputed"]:
        return "the tick could not be computed again"
    if tick["differing"]:
        return f"the tick computed again differs in {', '.join(tick['differing'])}: what follows is close, not exact"
    return "the tick computed again is the one that was published, field for field"


def chain_rows(story: Story) -> list[tuple[str, ...]]:
    """The price chain; the multiplier is told where a rule moved it."""
    currency = story["quote"]["record"]["currency"]
    return [
        (
            step["rule"],
            money(step["before_minor"], currency),
            money(step["after_minor"], currency),
            ""
            if step["before_hundredths"] == step["after_hundredths"]
            else f"{step['before_hundredths'] / 100:.2f}× → {step['after_hundredths'] / 100:.2f}×",
        )
        for step in story["chain"]
    ]


def _forecast(story: Story) -> None:
    told = story["forecast"]
    if told is None:
        return
    rows = [(one["name"], f"{one['before']:.3f}", f"{one['after']:.3f}") for one in told["factors"]]
    say_table(("factor", "before", "after"), rows, title="riders expected in five minutes")
    say_table(("feature", "value", "unit", "log-linear", "trees (SHAP)"), feature_rows(story), title="features")
    if told["trees_margin"] is not None:
        say(added_up(story))


def added_up(story: Story) -> str:
    """That contributions add up to the margin, with the numbers."""
    told = story["forecast"]
    total = sum(one["trees"] or 0.0 for one in told["features"])
    return (
        f"SHAP contributions {total:+.4f} and base value {told['trees_base']:+.4f} add up to the margin "
        f"{told['trees_margin']:+.4f}, the log of the trees' factor"
    )


def feature_rows(story: Story) -> list[tuple[str, ...]]:
    """Every feature with its value, unit and contributions; blanks where a model does not look at it."""
    return [
        (
            one["name"],
            f"{one['value']:.3f}",
            one["unit"],
            f"{one['log_linear']:+.4f}" if abs(one["log_linear"]) >= LEAST_TOLD else "",
            "" if one["trees"] is None else f"{one['trees']:+.4f}",
        )
        for one in story["forecast"]["features"]
    ]


def ring_rows(story: Story) -> list[tuple[str, ...]]:
    """The cell and its rings: cars now, riders of three windows."""
    names = ("the cell", "ring 1", "ring 2")
    rows = []
    for ring in story["rings"]:
        riders = {window["window_ms"]: f"{window['requests']:.1f}" for window in ring["windows"]}
        told = [riders[window_ms] for window_ms in WINDOWS_TOLD]
        rows.append((names[ring["ring"]], str(ring["idle"]), str(ring["busy"]), *told))
    return rows


def waterfall_rows(story: Story) -> list[tuple[str, str]]:
    """Each step, and how long after the one before."""
    steps = story["waterfall"]
    first = [(steps[0]["words"], "")]
    return first + [(step["words"], f"{step['at_ms'] - before['at_ms']:+d} ms") for before, step in pairwise(steps)]


def source_rows(story: Story) -> list[tuple[str, str]]:
    """Every record it rests on, by topic, partition and offset."""
    return [
        (one["part"], f"{one['topic']} {one['partition']}@{'…' if one['through'] else ''}{one['offset']}")
        for one in story["sources"]
    ]
