"""Forecasters by name; the reference needs JAX, and is imported when it is asked for."""

from informer.core.errors import InformerError
from informer.core.ports import Forecaster
from informer.core.types import Forecast, Model, Series
from informer.forecasts.diffusion_gru import DiffusionGru
from informer.forecasts.one_core import one_core
from informer.forecasts.pool import Pool
from informer.forecasts.seasonal import Seasonal

BAR = Seasonal.name  # what every other forecaster must beat
NAMES = (BAR, DiffusionGru.name)  # that every pattern may choose from
REFERENCE = "dcrnn"  # the published network: to compare with, by name


def forecaster(name: str, pool: Pool | None = None) -> Forecaster:
    """The forecaster of that name; InformerError where there is none.

    `pool` is lent to what learns by the clock.
    """
    if name == BAR:
        return Seasonal(pool)
    if name == DiffusionGru.name:
        return DiffusionGru(pool)
    if name == REFERENCE:
        try:
            from informer.forecasts.dcrnn import Dcrnn
        except ImportError as error:
            raise InformerError(
                f"forecaster {name} needs what `pip install 'rpc-informer[dcrnn]'` brings, "
                f"{error.name} is missing"
            ) from error
        return Dcrnn()
    raise InformerError(f"forecaster must be one of {', '.join((*NAMES, REFERENCE))}, got {name}")


def forecast_with(model: Model, series: Series) -> Forecast:
    """Expected and spread for every step, [t, n], by the forecaster that made the model."""
    with one_core():
        return forecaster(model.forecaster).forecast(model, series)
