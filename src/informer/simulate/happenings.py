"""Events of a scenario in time: when each one begins, how strong it is, what it makes of rates."""

from dataclasses import dataclass

import numpy as np

from informer.core.types import Floats
from informer.simulate.chain import Slot
from informer.simulate.grafts import grafted_rpc
from informer.simulate.rates import STEP_NS, STEPS_PER_DAY
from informer.simulate.scenario import CAMPAIGNS, CHANGES, DEMANDS, EVERY, Event, Scenario
from informer.simulate.traits import Traits

RAMP = 0.1  # share of a flash sale that it takes to begin, and to end


@dataclass(frozen=True, slots=True)
class Happening:
    """An event with its place in time and its strength drawn."""

    event: Event
    place: int  # among the scenario's events
    first: int  # step, from the beginning of the data
    last: int  # step, exclusive
    multiplier: float

    def covers(self, from_ns: int) -> tuple[int, int]:
        """Its range in ns, given where the data begins."""
        return from_ns + self.first * STEP_NS, from_ns + self.last * STEP_NS

    def share_at(self, steps: Floats) -> Floats:
        """Share of traffic that a change has moved at (fractional) steps, 0..1, any shape.

        A deploy rolls out over its minutes and stays; a canary takes its share and goes.
        """
        if self.event.kind == "deploy_canary":
            inside = (steps >= self.first) & (steps < self.last)
            return np.where(inside, self.event.share, 0.0)
        rolled = np.clip((steps - self.first) / (self.last - self.first), 0.0, 1.0)
        return np.asarray(rolled * self.event.share)


def happenings(scenario: Scenario, seed: int) -> list[Happening]:
    """Every event that ends before the data does, in the order of the scenario."""
    found = []
    train = scenario.head.train_days * STEPS_PER_DAY
    for place, event in enumerate(scenario.events):
        rng = np.random.default_rng([seed, 3, place])
        jitter = round(rng.uniform(-event.jitter_minutes, event.jitter_minutes))
        low, high = _ends(event.multiplier)
        multiplier = round(float(rng.uniform(low, high)), 2)
        first = max(train, train + event.minute + jitter)
        last = first + max(1, round(event.minutes))
        if last <= scenario.head.days * STEPS_PER_DAY:
            found.append(Happening(event, place, first, last, multiplier))
    return found


def rates_with(scenario: Scenario, regular: Floats, found: list[Happening]) -> Floats:
    """Rates [t, p] with what legitimate demand and changes make of them."""
    rates = regular.copy()
    names = [p.name for p in scenario.patterns]
    for it in found:
        event = it.event
        chosen = [i for i, n in enumerate(names) if n in event.patterns or EVERY in event.patterns]
        if event.kind in DEMANDS:
            at = (np.arange(it.first, it.last) - it.first + 0.5) / (it.last - it.first)
            risen = np.clip(np.minimum(at, 1 - at) / RAMP, 0.0, 1.0)
            factor = 1 + (it.multiplier - 1) * risen  # [t]
            people = [i for i in chosen if scenario.patterns[i].cron is None]
            rates[it.first : it.last, people] *= factor[:, None]
        if event.kind in CHANGES and event.to:
            share = it.share_at(np.arange(len(rates), dtype=np.float64) + 0.5)
            for i in chosen:
                rates[:, names.index(event.to)] += share * rates[:, i]
                rates[:, i] *= 1 - share
    return rates


@dataclass(frozen=True, slots=True)
class Campaign:
    """The requests of an attack, before chance, and what it does them for."""

    happening: Happening
    pattern: int
    guilty: tuple[str, str, str]  # caller, callee, method
    background: float  # expected regular calls of the guilty rpc in the window
    rates: Floats  # malicious requests a step, [t of the window]; a graft makes none of its own


def campaigns(
    scenario: Scenario, rates: Floats, found: list[Happening], traits: Traits
) -> list[Campaign]:
    """Every attack, its requests such that the calls of its rpc are multiplied as it says."""
    made = []
    names = [p.name for p in scenario.patterns]
    for it in found:
        event = it.event
        if event.kind not in CAMPAIGNS:
            continue
        pattern = names.index(event.patterns[0])
        slots = scenario.patterns[pattern].slots
        guilty = _guilty_rpc(event, slots)
        window = rates[it.first : it.last]
        background = window @ traits.calls_of(guilty)  # [t]
        if event.below:
            wanted = np.zeros(len(window))
        elif event.per_minute:
            wanted = np.full(len(window), event.per_minute)
        else:
            beyond = np.full(len(window), it.multiplier - 1)
            if event.growth_per_day:
                days = np.arange(1, len(window) + 1) / STEPS_PER_DAY
                beyond = (1 + event.growth_per_day) ** days - 1
            wanted = beyond * background / traits.malicious_calls(event, pattern, guilty)
        made.append(Campaign(it, pattern, guilty, float(background.sum()), wanted))
    return made


def campaign_starts(campaign: Campaign, rng: np.random.Generator) -> Floats:
    """Steps (with fractions, from the beginning of the data) at which requests begin, sorted."""
    event, rates = campaign.happening.event, campaign.rates
    if event.rhythm == "metronome":
        total = np.concatenate([[0.0], np.cumsum(rates)])
        beats = np.arange(0.5, total[-1])
        return campaign.happening.first + np.interp(beats, total, np.arange(total.size))
    if event.rhythm == "bursts":
        firsts = np.arange(0, rates.size, event.burst_minutes)
        counts = rng.poisson(np.add.reduceat(rates, firsts))
        steps = np.repeat(firsts, counts) + rng.uniform(0, 0.3, int(counts.sum()))
    else:
        counts = rng.poisson(rates)
        steps = np.repeat(np.arange(rates.size), counts) + rng.random(int(counts.sum()))
    return np.asarray(np.sort(campaign.happening.first + steps))


def _guilty_rpc(event: Event, slots: tuple[Slot, ...]) -> tuple[str, str, str]:
    if event.below:
        return grafted_rpc(event)
    return next(s.call.rpc for s in slots if event.is_about(s.call))


def _ends(value: object) -> tuple[float, float]:
    return (value[0], value[1]) if isinstance(value, list) else (float(str(value)),) * 2
