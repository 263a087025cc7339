"""Forecasters by name; one that needs JAX imports it when it is asked for, not before."""

from informer.core.errors import InformerError
from informer.core.ports import Forecaster
from informer.core.types import Forecast, Model, Series
from informer.forecasts.pool import Pool
from informer.forecasts.seasonal import Seasonal

BAR = Seasonal.name  # what every other forecaster must beat
NAMES = (BAR, "dcrnn")


def forecaster(name: str, pool: Pool | None = None) -> Forecaster:
    """The forecaster of that name; InformerError where there is none.

    `pool` is lent to what learns by the clock: a network has nothing to lean on it with.
    """
    if name == BAR:
        return Seasonal(pool)
    if name == "dcrnn":
        from informer.forecasts.dcrnn import Dcrnn

        return Dcrnn()
    raise InformerError(f"forecaster must be one of {', '.join(NAMES)}, got {name}")


def forecast_with(model: Model, series: Series) -> Forecast:
    """Expected and spread for every step, [t, n], by the forecaster that made the model."""
    return forecaster(model.forecaster).forecast(model, series)
