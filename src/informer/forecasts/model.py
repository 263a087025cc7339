"""What every model must fit: a series of the same rpcs and step, long enough to learn from."""

import numpy as np

from informer.core.errors import InformerError
from informer.core.types import Json, Model, Series


class TooShortError(InformerError):
    """The series cannot train this forecaster; the text says what is missing."""


def described(series: Series) -> Json:
    """What a model remembers of the series it was fitted on."""
    return {"rpcs": list(series.graph.rpc_ids), "step_s": series.step_s}


def check_fits(model: Model, series: Series) -> None:
    """Raises InformerError where the model was fitted on other rpcs or another step."""
    for name, value in described(series).items():
        learned = model.settings[name]
        if learned != value:
            raise InformerError(
                f"series of pattern {series.graph.pattern_id} must have the {name} its model"
                f" learned, {learned}, got {value}"
            )


def since_first_seen(series: Series) -> Series:
    """Without the steps before the first one that was seen."""
    first = int(np.argmax(series.seen)) if series.seen.any() else 0
    return series.slice(first, series.steps)
