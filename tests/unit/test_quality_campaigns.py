"""Drawn scenarios hold what they promise, for every base and seed."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from informer.core.types import Floats
from informer.simulate.blocks import simulation
from informer.simulate.grafts import grafted_rpc
from informer.simulate.happenings import Happening, happenings
from informer.simulate.read import read_scenario
from informer.simulate.scenario import Scenario
from informer.simulate.traits import Traits
from informer.simulate.write import simulate
from quality.campaigns import APART, BASES, BEFORE_OUTAGE, FROM_NS, write_scenario
from simulated_traffic import labels

SEEDS = (0, 1, 2)
TRAIN, TEST = 3, 7  # days
EVERY_DRAW = [(base, seed) for base in BASES for seed in SEEDS]


def drawn(folder: Path, base: str, seed: int, **keys: Any) -> Scenario:
    path = folder / f"{base}-{seed}.toml"
    write_scenario(path, base, seed, **({"days": TRAIN + TEST, "train_days": TRAIN} | keys))
    return read_scenario(str(path))


def attacks(scenario: Scenario) -> list[Happening]:
    return [h for h in happenings(scenario, 0) if h.event.flag == "attack"]


def strengths(scenario: Scenario, seed: int) -> tuple[list[str], Floats, Floats]:
    """Event, expected oracle z and multiplier of every attack on known calls, noise included."""
    sim, traits = simulation(scenario, seed, FROM_NS), Traits(scenario, seed)
    shown = scenario.defects.sampling * (1 - scenario.defects.lost)
    known = [a for a in sim.attacks if a.background > 0]
    malicious = np.array(
        [
            a.rates.sum() * traits.malicious_calls(a.happening.event, a.pattern, a.guilty)
            for a in known
        ]
    )
    background = np.array([a.background for a in known])
    z = malicious / np.sqrt(background) * np.sqrt(shown)
    return [a.happening.event.id for a in known], z, 1 + malicious / background


@pytest.mark.parametrize(("base", "seed"), EVERY_DRAW)
def test_every_drawn_scenario_reads_back_and_all_of_it_happens(
    tmp_path: Path, base: str, seed: int
) -> None:
    scenario = drawn(tmp_path, base, seed)
    found = happenings(scenario, seed)
    assert len(found) == len(scenario.events)
    assert min(h.first for h in found) >= TRAIN * 1440
    assert 2 * TEST - 2 <= len(attacks(scenario)) <= 4 * TEST
    assert {h.event.flag for h in found} >= {"attack", "legit"}
    assert all(TRAIN <= day < TRAIN + TEST for day in scenario.calendar.holidays)


@pytest.mark.parametrize(("base", "seed"), EVERY_DRAW)
def test_campaigns_keep_apart_and_begin_while_spans_arrive(
    tmp_path: Path, base: str, seed: int
) -> None:
    scenario = drawn(tmp_path, base, seed)
    found = attacks(scenario)
    for one in found:
        assert 10 <= one.last - one.first <= (5760 if one.event.kind == "poisoning" else 720)
        for other in found:
            if one is not other and one.event.patterns == other.event.patterns:
                assert one.first >= other.last + APART or other.first >= one.last + APART
        for it in happenings(scenario, 0):
            if it.event.kind == "collector_outage":
                assert not it.first - BEFORE_OUTAGE < one.first < it.last


def test_strengths_spread_as_promised(tmp_path: Path) -> None:
    spread = [strengths(drawn(tmp_path, base, seed), seed) for base, seed in EVERY_DRAW]
    z = np.concatenate([one[1] for one in spread])
    multipliers = np.concatenate([one[2] for one in spread])
    assert 0 < np.mean(z < 5) < 0.15
    assert np.mean((z >= 5) & (z < 8)) == pytest.approx(0.33, abs=0.1)
    assert np.mean(z >= 8) == pytest.approx(0.59, abs=0.1)
    high = np.log(z[z >= 8] / 8) / np.log(60 / 8)  # log-uniform: even between 0 and 1
    assert np.quantile(high, [0.25, 0.5, 0.75]) == pytest.approx([0.25, 0.5, 0.75], abs=0.13)
    assert multipliers.min() >= 1.04  # 1.05, but noise of the background counts as well
    assert multipliers.max() <= 10


def test_the_labels_tell_the_strengths_that_were_drawn(tmp_path: Path) -> None:
    scenario = drawn(tmp_path, "bank", 4, days=4, train_days=1)
    simulate(scenario, tmp_path / "traffic", seed=4, from_ns=FROM_NS)
    told = labels(tmp_path / "traffic")
    names, z, _ = strengths(scenario, 4)
    assert len(names) > 4
    for name, expected in zip(names, z, strict=True):
        background = float(told[name]["background_expected"])
        chance = np.sqrt(expected / np.sqrt(background))  # malicious calls are Poisson
        assert float(told[name]["oracle_z"]) == pytest.approx(expected, abs=4 * chance + 0.05)


def test_most_kinds_and_styles_are_drawn(tmp_path: Path) -> None:
    found = [it.event for base, seed in EVERY_DRAW for it in attacks(drawn(tmp_path, base, seed))]
    kinds = [event.kind for event in found]
    assert set(kinds) >= {
        *("account_cracking", "registration", "scraping", "denial_of_service"),
        *("token_replay", "exfiltration", "lateral_movement"),
    }
    assert max(kinds.count(kind) for kind in set(kinds)) < 0.4 * len(kinds)
    assert {bool(e.below) for e in found if e.kind == "lateral_movement"} == {True, False}
    assert {event.rhythm for event in found} == {"chance", "metronome", "bursts"}


@pytest.mark.parametrize("base", BASES)
def test_what_is_left_out_leaves_the_rest_in_place(tmp_path: Path, base: str) -> None:
    whole = drawn(tmp_path, base, 1)
    calm = drawn(tmp_path, base, 1, attacks=False)
    clean = drawn(tmp_path, base, 1, attacks=False, legit=False)
    alone = drawn(tmp_path, base, 1, legit=False)
    assert calm.events == tuple(e for e in whole.events if e.flag != "attack")
    assert calm.calendar == whole.calendar
    assert (clean.events, clean.calendar.holidays) == ((), [])
    assert alone.events == tuple(e for e in whole.events if e.flag == "attack")
    assert (alone.calendar, alone.head) == (clean.calendar, whole.head)


def test_other_telemetry_sees_the_same_campaigns(tmp_path: Path) -> None:
    sampled = drawn(tmp_path, "shop", 1, defects={"sampling": 0.1})
    assert sampled.defects.sampling == 0.1
    assert sampled.events == drawn(tmp_path, "shop", 1).events


def test_no_graft_goes_over_an_edge_that_is_known_or_was_used_before(tmp_path: Path) -> None:
    for base, seed in EVERY_DRAW:
        known = {s.call.rpc[:2] for p in read_scenario(base).patterns for s in p.slots if s.call.p}
        grafts = [it.event for it in attacks(drawn(tmp_path, base, seed)) if it.event.below]
        edges = [grafted_rpc(event)[:2] for event in grafts]
        assert not known & set(edges)
        assert len(set(edges)) == len(edges)


def test_with_more_volume_attacks_of_the_same_strength_multiply_less(tmp_path: Path) -> None:
    quiet, busy = drawn(tmp_path, "bank", 0), drawn(tmp_path, "bank", 0, volume=10)
    medians = [np.median(strengths(scenario, 0)[2]) for scenario in (quiet, busy)]
    assert medians[1] < medians[0]
    assert busy.head.volume == 10


def test_the_same_seed_gives_the_same_file_and_another_seed_does_not(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        for seed in (5, 6):
            drawn(tmp_path / folder, "social", seed)
    texts = [
        (tmp_path / f / f"social-{s}.toml").read_bytes() for f in ("one", "two") for s in (5, 6)
    ]
    assert texts[0] == texts[2]
    moments = [re.findall(rb"at = .*", text) for text in texts]
    assert moments[0] != moments[1]
