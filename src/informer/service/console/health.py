"""How well detection sees, as tiles: each says what it is, whether it is well, and what to do."""

from collections.abc import Iterator

from informer.core.durations import lasting
from informer.core.types import NS_PER_S
from informer.pipeline.glance import Glance
from informer.service.parts import Parts
from informer.web.console import Tile
from informer.web.words import count, number, percent

LOST = 0.05  # share of spans with a lost parent, or of no use, that is worth a word
LATE_STEPS = 3  # that wait to be closed


def tiles(parts: Parts, glance: Glance, step_ns: int) -> list[Tile]:
    """All of them."""
    return [*_flow(parts, step_ns), *_sources(parts), *_learned(glance), *_blind(parts, glance)]


def _flow(parts: Parts, step_ns: int) -> Iterator[Tile]:
    figures = parts.loop.figures
    if not figures.stream_ns:
        yield Tile(
            "Lag",
            "no spans yet",
            "since the service was started",
            "watch",
            "Point a collector or an SDK at its OTLP ports.",
        )
        return
    behind_s = max(0, figures.stream_ns - figures.closed_ns) / NS_PER_S + parts.spool.waited_s()
    late = behind_s > LATE_STEPS * step_ns / NS_PER_S + 60
    yield Tile(
        "Lag",
        lasting(behind_s),
        f"from the last judged step to the newest span; judging took {figures.look_s:.1f} s",
        "bad" if late else "well",
        "Steps are closed more slowly than spans come: give the machine more cores."
        if late
        else "",
    )


def _sources(parts: Parts) -> Iterator[Tile]:
    received, figures = parts.received, parts.loop.figures
    rejected = sum(figures.rejected.values())
    useless = (rejected + figures.late) / max(figures.spans + rejected, 1)
    more = f"{number(received.messages)} messages"
    if rejected or figures.late:
        more += f", {number(rejected)} spans of no use, {number(figures.late)} too late"
    away = received.sent_away.total()
    if away:
        more += f", {number(away)} sent away for the moment"
    yield Tile(
        "Spans",
        number(received.spans),
        more,
        "bad" if parts.spool.is_behind else "watch" if useless > LOST else "well",
        "More comes than can be judged: senders are told to come again."
        if parts.spool.is_behind
        else "See informer_spans_rejected_total in /metrics for the reasons."
        if useless > LOST
        else "",
    )
    for stream in parts.streams.all:
        behind, errors = sum(stream.lag().values()), sum(stream.errors.values())
        ended = stream.name in parts.streams.ended
        yield Tile(
            f"Source {stream.name}",
            "is read no more" if ended else f"{number(behind)} behind",
            count(errors, "error"),
            "bad" if ended else "watch" if errors else "well",
            "The log of the service says why." if ended or errors else "",
        )


def _learned(glance: Glance) -> Iterator[Tile]:
    states = glance.states
    ready, whole = states.get("ready", 0), sum(states.values())
    learning, stale = states.get("learning", 0), states.get("stale", 0)
    more = ", ".join(f"{n} {word}" for n, word in ((learning, "learning"), (stale, "stale")) if n)
    yield Tile(
        "Patterns ready",
        f"{number(ready)} of {number(whole)}",
        more or "each is forecast by a model of its own",
        "watch" if stale or learning > ready else "well",
        "Stale ones drifted: look at them, and accept what is right." if stale else "",
    )


def _blind(parts: Parts, glance: Glance) -> Iterator[Tile]:
    figures = parts.loop.figures
    share = glance.seen / glance.steps if glance.steps else 0.0
    holes = glance.steps - glance.seen
    yield Tile(
        "Steps with data",
        percent(share) if glance.steps else "none",
        f"{count(holes, 'step')} of this range not covered" if holes else "no hole in this range",
        "watch" if holes else "well",
        "Nothing was watched there: was a collector or this service down?" if holes else "",
    )
    lost = figures.orphan_share > LOST
    yield Tile(
        "Lost parents",
        percent(figures.orphan_share),
        "of the spans judged last",
        "watch" if lost else "well",
        "Chains are in pieces: sample whole traces, and send all services." if lost else "",
    )
