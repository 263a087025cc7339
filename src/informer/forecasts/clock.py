"""What the clock alone expects of a pattern: the level that its model was learned at."""

from dataclasses import replace

from informer.core.types import Floats, Model, Series
from informer.forecasts.calendar import DAY_S, starts_s
from informer.forecasts.season import Season
from informer.forecasts.seasonal import Seasonal

ARRAYS = ("rates", "weekday", "calls")
SETTINGS = ("period_s", "days")


def with_clock(model: Model, seasonal: Model) -> Model:
    """A network's model that remembers beside itself what the clock alone would have said."""
    arrays = {f"clock.{name}": seasonal.arrays[name] for name in ARRAYS}
    settings = {f"clock_{name}": seasonal.settings[name] for name in SETTINGS}
    return replace(model, arrays=model.arrays | arrays, settings=model.settings | settings)


def by_the_clock(model: Model, series: Series) -> Floats | None:
    """Calls of every step at the level that was learned, [t, n]; None where no day was learned."""
    own = model.forecaster == Seasonal.name
    period_s = int(model.settings["period_s" if own else "clock_period_s"])
    if period_s < DAY_S:
        return None
    rates, weekday = (model.arrays[name if own else f"clock.{name}"] for name in ARRAYS[:2])
    return Season(period_s, rates, weekday).expected(starts_s(series), series.step_s)


def learned_days(model: Model) -> float:
    """How long the history was that the model was learned from."""
    own = model.forecaster == Seasonal.name
    return float(model.settings["days" if own else "clock_days"])


def learned_calls(model: Model) -> Floats:
    """How many calls of each rpc it was learned from, [n]."""
    own = model.forecaster == Seasonal.name
    return model.arrays["calls" if own else "clock.calls"]
