"""How much of a new thing must be seen before a person is told follows from how often news came."""

import numpy as np
import pytest

from informer.detections.novelty import (
    LEAST_CALLS,
    PRIORS,
    SHARE_OF_BUDGET,
    Novel,
    NoveltyRule,
    learn_novelty,
    news_from_json,
    news_to_json,
    novel_steps,
)

DAY_NS = 86_400 * 10**9
DAYS = 14
LATE_NS = 10 * DAY_NS  # in the second half of training


def learned(*news: tuple[str, int, float], budget: float = 1.0) -> dict[str, NoveltyRule]:
    found = learn_novelty(news, from_ns=0, until_ns=DAYS * DAY_NS)
    return {what: x.rule(budget) for what, x in found.items()}


def test_where_edges_never_change_one_call_is_enough() -> None:
    old = [("edge", 3600 * 10**9 * i, 1000.0) for i in range(20)]
    assert learned(*old)["edge"].least_calls == 1


def test_where_edges_come_up_every_day_one_call_is_not_enough() -> None:
    news = [("edge", LATE_NS + i * DAY_NS // 4, 3.0) for i in range(16)]
    rule = learned(*news)["edge"]
    assert rule.least_calls == 5
    assert rule.per_day <= SHARE_OF_BUDGET


def test_classes_do_not_mix() -> None:
    news = [("shape", LATE_NS, 2.0)] * 50
    assert learned(*news)["edge"] == learned()["edge"]
    assert learned(*news)["shape"].least_calls > learned()["edge"].least_calls


def test_a_larger_budget_tells_earlier() -> None:
    news = [("method", LATE_NS + i * DAY_NS // 9, float(c)) for i, c in enumerate([1, 1, 2, 8, 30])]
    needed = [learned(*news, budget=b)["method"].least_calls for b in (0.1, 1.0, 10.0)]
    assert needed == sorted(needed, reverse=True)
    assert needed[0] > needed[-1] == 1


def test_news_without_end_needs_the_most_calls_there_are() -> None:
    news = [("shape", LATE_NS, 1e6)] * 500
    rule = learned(*news)["shape"]
    assert rule.least_calls == LEAST_CALLS[-1]
    assert rule.per_day > SHARE_OF_BUDGET


def test_after_minutes_of_training_a_new_edge_is_still_news() -> None:
    found = learn_novelty([], from_ns=0, until_ns=20 * 60 * 10**9)
    assert set(found) == set(PRIORS)
    assert found["edge"].rule(1.0).least_calls == 1
    assert found["shape"].rule(1.0).least_calls > 1


def test_what_a_first_day_brings_says_nothing_of_the_next() -> None:
    nightly = [("edge", 20 * 3600 * 10**9, 60.0)] * 4
    rules = {}
    for days in (1, 1.5, 14):
        found = learn_novelty(nightly, from_ns=0, until_ns=int(days * DAY_NS))
        rules[days] = found["edge"].rule(1.0)
    assert {rule.least_calls for rule in rules.values()} == {1}
    second = [(what, ns + DAY_NS, calls) for what, ns, calls in nightly]
    found = learn_novelty(second, from_ns=0, until_ns=2 * DAY_NS)
    assert found["edge"].rule(1.0).least_calls > 1


@pytest.mark.parametrize(
    ("days", "late", "enough"),
    [(7, 1, 1), (14, 2, 1), (28, 3, 1), (7, 2, 100), (14, 3, 100), (28, 5, 100)],
)
def test_a_few_jobs_that_were_met_late_hide_no_edge_of_a_few_calls(
    days: int, late: int, enough: int
) -> None:
    jobs = [("edge", (days - 1) * DAY_NS, 80.0)] * late
    found = learn_novelty(jobs, from_ns=0, until_ns=days * DAY_NS)
    assert found["edge"].rule(1.0).least_calls == enough


def test_of_methods_and_forms_as_many_calls_are_asked_as_the_mean_says() -> None:
    news = [("method", LATE_NS, 80.0), ("shape", LATE_NS, 80.0)]
    found = learned(*news)
    assert found["method"].least_calls == 3
    assert found["shape"].least_calls == 100


def test_the_rarer_the_news_the_higher_its_score() -> None:
    scores = [NoveltyRule(1, per_day).score(600) for per_day in (10.0, 1.0, 0.1, 0.001)]
    assert scores == sorted(scores)
    assert NoveltyRule(1, 0.1).score(86_400) == pytest.approx(-np.log10(1 - np.exp(-0.1)))


def test_a_new_thing_is_told_from_the_call_that_is_enough_while_it_goes_on() -> None:
    calls = np.array([0, 1, 0, 1, 0, 2, 0, 1.0])
    novel = Novel("edge", "r", "p", "r", 10 * calls, calls)  # each stands for ten
    assert novel_steps(novel, NoveltyRule(1, 0.1)).tolist() == [1, 3, 5, 7]
    assert novel_steps(novel, NoveltyRule(3, 0.1)).tolist() == [5, 7]
    assert novel_steps(novel, NoveltyRule(10, 0.1)).tolist() == []


def test_saved_news_are_the_same() -> None:
    news = learn_novelty([("shape", LATE_NS, 7.0)], from_ns=0, until_ns=DAYS * DAY_NS)
    assert news_from_json(news_to_json(news)) == news
