"""Things never learned: edges between services, methods, forms of chain.

How much of a new thing must be seen before a person is told follows from how often new things
came up while learning, and from the part of the alert budget that novelty may use.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

import numpy as np
from scipy import special

from informer.core.types import Floats, Ints, Json

NS_PER_DAY = 86_400 * 10**9
SHARE_OF_BUDGET = 0.1  # of the alert budget, for each class
LEAST_CALLS = (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000)
# Before anything is known: new things a day, and the days of evidence that this is worth. A new
# edge between services is rare everywhere; a new combination of known calls is not.
PRIORS = {"edge": (0.35, 7.0), "method": (1.0, 7.0), "shape": (5.0, 1.0)}
# A class that is taken to be rare until so many came that chance explains it no better than this:
# who moves from service to service makes few calls, and a single job that was first met late in
# training must not hide ten of them.
PRESUMED_RARE = {"edge": 0.05}


@dataclass(frozen=True, slots=True)
class NoveltyRule:
    """How many calls a new thing of one class needs, and how rare that is."""

    least_calls: int
    per_day: float

    def score(self, step_s: int) -> float:
        """-log10 of the chance that a clean step brings such a thing."""
        return float(-np.log10(-np.expm1(-self.per_day * step_s / 86_400)))


@dataclass(frozen=True, slots=True)
class Novel:
    """A thing never learned, with its calls at every step."""

    what: str  # edge, method or shape
    name: str  # the rpc id, or the shape id
    pattern_id: str
    rpc_id: str
    calls: Floats  # [t], what those met stand for
    met: Floats  # [t], those that are not merely stood for
    first_ns: int | None = None  # start of the step that met it first, where that is none of these


@dataclass(frozen=True, slots=True)
class News:
    """How often clean days brought new things of one class, by the least calls they had."""

    per_day: tuple[float, ...]  # one for each of LEAST_CALLS
    found: tuple[int, ...]  # how many came, one for each as well
    days: float  # in which they came
    doubt: float = 1.0  # the chance of so many, at which they are no longer taken to be rare

    def rule(self, budget: float) -> NoveltyRule:
        """The fewest calls at which new things take no more than their part of the budget.

        So few that chance may have brought them do not say that they take more.
        """
        part = SHARE_OF_BUDGET * budget
        for least, per_day, found in zip(LEAST_CALLS, self.per_day, self.found, strict=True):
            by_chance = float(special.gammainc(found, part * self.days)) if found else 1.0
            if per_day <= part or by_chance > self.doubt:
                return NoveltyRule(least, per_day)
        return NoveltyRule(LEAST_CALLS[-1], self.per_day[-1])


def learn_novelty(
    first_seen: Iterable[tuple[str, int, float]], *, from_ns: int, until_ns: int
) -> dict[str, News]:
    """News of each class, from the things first seen in the second half of training.

    `first_seen` holds (class, first_seen_ns, calls) of everything learned. What the first day
    brings says nothing of the days to come: it is new because the hour is.
    """
    middle_ns = min(max((from_ns + until_ns) // 2, from_ns + NS_PER_DAY), until_ns)
    days = (until_ns - middle_ns) / NS_PER_DAY
    late: dict[str, list[float]] = {what: [] for what in PRIORS}
    for what, seen_ns, calls in first_seen:
        if seen_ns >= middle_ns:
            late[what].append(calls)
    return {what: _news(what, late[what], days) for what in PRIORS}


def _news(what: str, late: list[float], days: float) -> News:
    prior, prior_days = PRIORS[what]
    found = tuple(sum(calls >= least for calls in late) for least in LEAST_CALLS)
    rates = (
        (n + prior / least) / (days + prior_days)
        for n, least in zip(found, LEAST_CALLS, strict=True)
    )
    return News(tuple(rates), found, days, PRESUMED_RARE.get(what, 1.0))


def novel_steps(novel: Novel, rule: NoveltyRule) -> Ints:
    """Steps at which the novel thing is told: from the call that is enough, while it goes on."""
    enough = np.cumsum(novel.met) >= rule.least_calls
    return np.asarray(np.flatnonzero(enough & (novel.calls > 0)))


def news_to_json(news: dict[str, News]) -> Json:
    """The news as a JSON object."""
    return {what: asdict(x) for what, x in news.items()}


def news_from_json(value: Json) -> dict[str, News]:
    """Back from the JSON object."""
    return {
        what: News(tuple(x["per_day"]), tuple(x["found"]), x["days"], x["doubt"])
        for what, x in value.items()
    }
