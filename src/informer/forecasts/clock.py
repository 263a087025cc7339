"""What the clock alone expects of a pattern: the level that its model was learned at."""

from dataclasses import replace
from typing import Any

import numpy as np

from informer.core.types import Floats, Ints, Model, Series
from informer.forecasts.calendar import DAY_S, WEEK_S, starts_s
from informer.forecasts.lean import SURE_DAYS
from informer.forecasts.season import Season
from informer.forecasts.seasonal import Seasonal

MONDAY_S = 4 * DAY_S  # 1970-01-05
ARRAYS = ("rates", "weekday")
SETTINGS = ("period_s", "days", "until_ns", "leans_on")


def with_clock(model: Model, seasonal: Model) -> Model:
    """A network's model that remembers beside itself what the clock alone would have said."""
    arrays = {f"clock.{name}": seasonal.arrays[name] for name in ARRAYS}
    settings = {f"clock_{name}": seasonal.settings[name] for name in SETTINGS}
    return replace(model, arrays=model.arrays | arrays, settings=model.settings | settings)


def knows_clock(model: Model) -> bool:
    """Whether it is seasonal or remembers already what the clock would have said."""
    return model.forecaster == Seasonal.name or "clock_period_s" in model.settings


def by_the_clock(model: Model, series: Series) -> Floats | None:
    """Calls of every step at the level that was learned, [t, n]; None where no week was learned.

    The rpcs are those of the model.
    """
    return _expected(model, starts_s(series))


def mean_by_the_clock(model: Model) -> Floats | None:
    """Calls of each rpc a second over a week, [n], at the level learned; None as above."""
    step_s = int(model.settings["step_s"])
    expected = _expected(model, MONDAY_S + np.arange(0, WEEK_S, step_s))
    return None if expected is None else np.asarray(expected.mean(axis=0) / step_s)


def learned_days(model: Model) -> float:
    """How long the history was that the model was learned from."""
    return float(_setting(model, "days"))


def learned_until_ns(model: Model) -> int:
    """End of the last step that the model was learned from."""
    return int(_setting(model, "until_ns"))


def leans_on(model: Model) -> list[str]:
    """Ids of the patterns whose days it leans on; none where its own history is enough."""
    return list(_setting(model, "leans_on"))


def with_room(model: Model, least: Floats, most: Floats) -> Model:
    """A model whose level, or that of the clock beside it, stays between these, [n] each."""
    name = "room" if model.forecaster == Seasonal.name else "clock.room"
    return replace(model, arrays=model.arrays | {name: np.stack([least, most])})


def _expected(model: Model, starts: Ints) -> Floats | None:
    if learned_days(model) < SURE_DAYS:
        return None
    rates, weekday = (_array(model, name) for name in ARRAYS)
    season = Season(int(_setting(model, "period_s")), rates, weekday)
    return season.expected(starts, int(model.settings["step_s"]))


def _array(model: Model, name: str) -> Floats:
    own = model.forecaster == Seasonal.name
    return model.arrays[name if own else f"clock.{name}"]


def _setting(model: Model, name: str) -> Any:
    own = model.forecaster == Seasonal.name
    return model.settings[name if own else f"clock_{name}"]
