"""Blocks of time: all requests that begin in a block, as spans with their defects."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from informer.core.types import Bools, Floats, Ints
from informer.simulate.defects import who_answered, with_losses
from informer.simulate.happenings import (
    Campaign,
    Happening,
    campaign_starts,
    campaigns,
    happenings,
    rates_with,
)
from informer.simulate.rates import STEP_NS, STEPS_PER_DAY, regular_rates
from informer.simulate.requests import Change, Spans, arrivals, calls_made, spans_of
from informer.simulate.scenario import CALL_FAULTS, Scenario
from informer.simulate.spans import Rows, malicious_table, table_of
from informer.simulate.traits import Traits, change_of
from informer.simulate.words import CLIENTS, Words, words_of

SPANS_PER_BLOCK = 2_000_000
REGULAR = -1


@dataclass(slots=True)
class Simulation:
    """A scenario in time. `malicious` counts the calls of every campaign as they are made."""

    scenario: Scenario
    seed: int
    from_ns: int
    found: list[Happening]
    rates: Floats  # [t, p]
    attacks: list[Campaign]
    starts: list[Ints]  # [attack][n]
    words: Words
    skew_ns: Ints  # [service]
    steps_per_block: int
    malicious: list[int]  # [attack]


def simulation(scenario: Scenario, seed: int, from_ns: int) -> Simulation:
    """Everything that is settled before the first request."""
    traits = Traits(scenario, seed)
    found = happenings(scenario, seed)
    rates = rates_with(scenario, regular_rates(scenario, from_ns, seed), found)
    attacks = campaigns(scenario, rates, found, traits)
    starts = []
    for attack in attacks:
        steps = campaign_starts(attack, np.random.default_rng([seed, 4, attack.happening.place]))
        starts.append(from_ns + (steps * STEP_NS).astype(np.int64))
    words = words_of(scenario, seed)
    furthest = scenario.defects.skew_ms * 1e6
    skew = np.random.default_rng([seed, 6]).uniform(-furthest, furthest, len(words.services))
    regular = np.array([p.per_minute for p in scenario.patterns]) * scenario.head.volume
    a_day = float(regular @ traits.spans()) * STEPS_PER_DAY * scenario.defects.sampling
    return Simulation(
        scenario=scenario,
        seed=seed,
        from_ns=from_ns,
        found=found,
        rates=rates,
        attacks=attacks,
        starts=starts,
        words=words,
        skew_ns=skew.astype(np.int64),
        steps_per_block=_block_of(a_day),
        malicious=[0] * len(attacks),
    )


def block(sim: Simulation, number: int) -> tuple[pa.Table, pa.Table]:
    """All spans of the requests that begin in a block, in order of their start, and the truth.

    The truth is a row for every malicious request of which a span arrived: its event and trace.
    """
    first = number * sim.steps_per_block
    begin_ns = sim.from_ns + first * STEP_NS
    end_ns = begin_ns + sim.steps_per_block * STEP_NS
    rates = sim.rates[first : first + sim.steps_per_block]
    parts: list[tuple[Rows, Ints]] = []  # with the event of every request, or REGULAR
    for p, pattern in enumerate(sim.scenario.patterns):
        rng = np.random.default_rng([sim.seed, 5, p, number])
        if pattern.cron is None:
            starts = arrivals(rates[:, p], begin_ns, sim.scenario.noise.dispersion, rng)
        else:
            steps = np.repeat(np.arange(len(rates)), rates[:, p].astype(np.int64))
            starts = np.sort(begin_ns + steps * STEP_NS + rng.integers(0, STEP_NS, steps.size))
        for a in _grafts_on(sim, p):
            taken = _taken(sim, a, starts, number)
            if taken.any():
                clients = _clients(sim, int(taken.sum()), rng)
                parts.append(_malicious(sim, a, starts[taken], clients, number))
                starts = starts[~taken]
        starts = starts[_kept(sim, starts.size, rng)]
        if starts.size:
            clients = _clients(sim, starts.size, rng)
            rows = _rows(sim, p, starts, _faults(sim, p, starts), clients, rng)[0]
            parts.append((rows, np.full(starts.size, REGULAR)))
    for a, attack in enumerate(sim.attacks):
        all_starts = sim.starts[a]
        starts = all_starts[(all_starts >= begin_ns) & (all_starts < end_ns)]
        if starts.size:
            event, place = attack.happening.event, attack.happening.place
            rng = np.random.default_rng([sim.seed, 12, place, number])
            clients = sim.words.first_source[place] + rng.integers(0, event.sources, starts.size)
            parts.append(_malicious(sim, a, starts, clients, number))
    rng = np.random.default_rng([sim.seed, 10, number])
    words, scenario = sim.words, sim.scenario
    rows, events = _joined(parts)
    rows = with_losses(rows, scenario, sim.found, sim.from_ns, rng)
    version, pod = who_answered(rows, scenario, sim.found, words, sim.from_ns, rng)
    rows.start_ns += sim.skew_ns[words.service[rows.slot]]
    spans = table_of(rows, version, pod, words, scenario, number, sim.seed)
    return spans, malicious_table(rows, events, scenario, number, sim.seed)


def _malicious(
    sim: Simulation, a: int, starts: Ints, clients: Ints, number: int
) -> tuple[Rows, Ints]:
    """Requests of an attack, its calls counted before telemetry loses any.

    With the event of every request: of a graft, only of those that came to make the call.
    """
    attack = sim.attacks[a]
    event, place = attack.happening.event, attack.happening.place
    rng = np.random.default_rng([sim.seed, 9, place, number])
    slots = sim.scenario.patterns[attack.pattern].slots
    change = change_of(slots, event, attack.guilty, *attack.happening.covers(sim.from_ns))
    changes = [*_faults(sim, attack.pattern, starts), change]
    rows, spans = _rows(sim, attack.pattern, starts, changes, clients, rng)
    guilty = change.slots[spans.slot]
    sim.malicious[a] += int(guilty.sum())
    events = np.full(starts.size, REGULAR if event.below else place)
    events[spans.request[guilty]] = place
    return rows.where(_kept(sim, starts.size, rng)[spans.request]), events


def _grafts_on(sim: Simulation, p: int) -> list[int]:
    """Attacks that use running chains of a pattern."""
    return [
        a
        for a, attack in enumerate(sim.attacks)
        if attack.pattern == p and attack.happening.event.below
    ]


def _taken(sim: Simulation, a: int, starts: Ints, number: int) -> Bools:
    """Regular requests that an attack uses, [n]."""
    it = sim.attacks[a].happening
    begin, end = it.covers(sim.from_ns)
    rng = np.random.default_rng([sim.seed, 13, it.place, number])
    return (starts >= begin) & (starts < end) & (rng.random(starts.size) < it.event.share)


def _clients(sim: Simulation, n: int, rng: np.random.Generator) -> Ints:
    """Who makes regular requests: few make many, [n]."""
    return sim.words.first_client + (CLIENTS * rng.random(n) ** 2).astype(np.int64)


def _rows(
    sim: Simulation,
    p: int,
    starts: Ints,
    changes: list[Change],
    clients: Ints,
    rng: np.random.Generator,
) -> tuple[Rows, Spans]:
    slots = sim.scenario.patterns[p].slots
    made, outcome = calls_made(slots, starts, changes, rng)
    spans = spans_of(slots, starts, made, outcome, changes, rng)
    return Rows(
        request=spans.request,
        slot=sim.words.first[p] + spans.slot,
        start_ns=spans.start_ns,
        duration_ns=spans.duration_ns,
        outcome=spans.outcome,
        client=clients[spans.request],
    ), spans


def _joined(parts: list[tuple[Rows, Ints]]) -> tuple[Rows, Ints]:
    """Rows of all parts, their requests counted through, in order of their start.

    With the event of every request, [q].
    """
    if not parts:
        none = np.empty(0, dtype=np.int64)
        return Rows(none, none, none, none, none.astype(np.int8), none), none
    before = np.cumsum([0, *(events.size for _, events in parts)])
    rows = [part for part, _ in parts]
    joined = Rows(
        request=np.concatenate([x.request + n for x, n in zip(rows, before, strict=False)]),
        slot=np.concatenate([x.slot for x in rows]),
        start_ns=np.concatenate([x.start_ns for x in rows]),
        duration_ns=np.concatenate([x.duration_ns for x in rows]),
        outcome=np.concatenate([x.outcome for x in rows]),
        client=np.concatenate([x.client for x in rows]),
    )
    events = np.concatenate([events for _, events in parts])
    return joined.where(np.argsort(joined.start_ns, kind="stable")), events


def _faults(sim: Simulation, p: int, starts: Ints) -> list[Change]:
    """What faults make of the calls of a pattern: whoever makes the call meets them.

    `starts` of the requests are sorted; faults at other times are left out.
    """
    slots = sim.scenario.patterns[p].slots
    changes = []
    for it in sim.found:
        event = it.event
        if event.kind in CALL_FAULTS:
            met = np.array([event.is_about(s.call) for s in slots])
            window = it.covers(sim.from_ns)
            if starts[0] < window[1] and starts[-1] >= window[0]:
                changes.append(Change(met, *window, event.fail, event.refuse, event.times_slower))
    return changes


def _kept(sim: Simulation, n: int, rng: np.random.Generator) -> Bools:
    """Which requests the head sampler keeps, [n]."""
    sampling = sim.scenario.defects.sampling
    return rng.random(n) < sampling if sampling < 1 else np.ones(n, dtype=bool)


def _block_of(spans_a_day: float) -> int:
    """Steps of a block: the longest that divides a day and holds about SPANS_PER_BLOCK."""
    fitting = (
        s
        for s in range(STEPS_PER_DAY, 0, -1)
        if STEPS_PER_DAY % s == 0 and s * spans_a_day <= SPANS_PER_BLOCK * STEPS_PER_DAY
    )
    return next(fitting, 1)
