"""A small form of the evaluation: a detector that got worse does not pass.

One simulated bank, five days of training and the first weekend ever right after it. Measured when
this was last looked at, at a budget of one false incident a day: recall 0.71 of visible campaigns,
2.0 false incidents a day, F1 0.56, VUS-PR 0.40; the sixty lines got 0.57, 2.7, 0.46 and 0.41. The
limits leave room for changes that trade one campaign for another.
"""

from pathlib import Path

import pytest

from quality.datasets import WHOLE, Simulated
from quality.evaluate import OURS, Evaluated, evaluate

BANK = Simulated("bank", 121, 8, 5, 300, (WHOLE,))
SIXTY, RANDOM = "sixty lines", "random"


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Evaluated]:
    folder: Path = tmp_path_factory.mktemp("bank")
    ((_, capture),) = BANK.captures(folder, [WHOLE], models=True)
    return evaluate(capture, seed=1, detectors=(OURS, SIXTY, RANDOM))


def vus(of: Evaluated) -> float:
    return sum(of.vus.values()) / len(of.vus)


def test_visible_campaigns_are_found_and_their_rpc_is_named(found: dict[str, Evaluated]) -> None:
    figures = found[OURS].figures[1].statistics()
    assert figures["recall"] >= 0.55
    assert figures["recall_novel"] == 1.0
    assert figures["guilty_3"] >= 0.6


def test_false_incidents_stay_few_on_a_first_weekend(found: dict[str, Evaluated]) -> None:
    assert found[OURS].figures[1].statistics()["false_per_day"] <= 2.5


def test_events_are_told_better_than_by_sixty_lines(found: dict[str, Evaluated]) -> None:
    ours, theirs = (found[name].figures[1].statistics()["f1"] for name in (OURS, SIXTY))
    assert ours >= max(0.45, theirs)


def test_scores_rank_malicious_steps_far_above_chance(found: dict[str, Evaluated]) -> None:
    assert vus(found[OURS]) >= 0.33
    assert vus(found[RANDOM]) < 0.12
