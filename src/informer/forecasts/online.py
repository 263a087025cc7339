"""The next step of one pattern, forecast as soon as the last one is over: state goes with it."""

from copy import copy

import numpy as np

from informer.core.errors import InformerError
from informer.core.types import NS_PER_S, Floats, Forecast, Model
from informer.forecasts.calendar import waves
from informer.forecasts.diffusion_gru import DiffusionGru, clock_of, weights_of
from informer.forecasts.gru_network import Correction
from informer.forecasts.level import Level, LevelRule
from informer.forecasts.noise import Noise
from informer.forecasts.residuals import Memory, scaled
from informer.forecasts.season import Season
from informer.forecasts.seasonal import Seasonal


class NextStep:
    """Says what `forecast` would say of a series that grows by a step at a time.

    `expect`, then `observe` what came, and again; a step costs the same whatever came before.
    """

    def __init__(self, model: Model, start_ns: int) -> None:
        """The first step starts at `start_ns`. Errors: InformerError for other forecasters."""
        if model.forecaster not in (Seasonal.name, DiffusionGru.name):
            raise InformerError(f"{model.forecaster} cannot be forecast a step at a time")
        self._clock = _Clock(model if model.forecaster == Seasonal.name else clock_of(model))
        self._network = _Network(model) if model.forecaster == DiffusionGru.name else None
        self._step_s = int(model.settings["step_s"])
        self._start_s = start_ns // NS_PER_S

    def copy(self) -> "NextStep":
        """The same, to go on by itself from here."""
        twin = copy(self)
        twin._clock = self._clock.copy()
        twin._network = self._network and self._network.copy()
        return twin

    def expect(self, level: Floats | None = None) -> Forecast:
        """What is expected of the step that comes next, [1, n].

        `level`, [n], is how many times that of now its level is known to be, as in `Series`.
        """
        base, spread = self._clock.expect(self._start_s, self._step_s, level)
        doubt = self._clock.doubt
        if self._network is not None:
            base, spread = self._network.expect(base, doubt, self._start_s, self._step_s)
        return Forecast(base[None], spread[None], doubt[None])

    def observe(self, calls: Floats | None) -> None:
        """What came, [n]; None = the step was not seen."""
        if self._network is not None:
            self._network.learn(calls, self._clock.base)
        self._clock.learn(calls)
        self._start_s += self._step_s


class _Clock:
    def __init__(self, model: Model) -> None:
        a, period_s = model.arrays, int(model.settings["period_s"])
        room = (a["room"][0], a["room"][1]) if "room" in a else None
        self._season = Season(period_s, a["rates"], a["weekday"])
        self._doubts = Season(period_s, a["doubt"], np.ones_like(a["weekday"]))
        rule = LevelRule(a["half_life_steps"], a["prior_calls"])
        self._level = Level(rule, a["spread"], room)
        self._spread = a["spread"]
        self.base = self.doubt = self._profile = np.zeros_like(a["spread"])

    def copy(self) -> "_Clock":
        twin = copy(self)
        twin._level = self._level.copy()
        return twin

    def expect(self, start_s: int, step_s: int, level: Floats | None) -> tuple[Floats, Floats]:
        at = np.array([start_s])
        self._profile = self._season.expected(at, step_s)[0]
        if level is not None:
            self._profile = self._profile * level
        self.doubt = self._doubts.expected(at, step_s)[0]
        self.base = self._level.expected(self._profile)
        return self.base, self._spread + self.doubt

    def learn(self, calls: Floats | None) -> None:
        self._level.learn(calls, self._profile)


class _Network:
    def __init__(self, model: Model) -> None:
        a = model.arrays
        self._read = Noise(a["read_spread"], a["batch"])
        self._told = Noise(a["spread"], a["batch"])
        self._usual_log, self._share = a["usual_log"], float(a["share"])
        self._learned_s = int(model.settings["learned_s"])
        self._correction = Correction(weights_of(model), a["sides"].astype(np.float64))
        self._memory = Memory(len(self._usual_log))
        self._seen = False

    def copy(self) -> "_Network":
        twin = copy(self)
        twin._memory, twin._correction = self._memory.copy(), copy(self._correction)
        return twin

    def expect(
        self, base: Floats, doubt: Floats, start_s: int, step_s: int
    ) -> tuple[Floats, Floats]:
        _, unit, static = scaled(base, base, self._read, self._usual_log)
        calendar = waves(np.array([start_s]), step_s, self._learned_s)[0]
        shared = np.append(calendar, float(self._seen))
        own = self._memory.read().T
        corrected = self._share * self._correction.step(own, static, shared, unit)
        expected = base * np.exp(corrected)
        return expected, self._told.spread_at(expected) + doubt

    def learn(self, calls: Floats | None, base: Floats) -> None:
        if calls is None:
            off = np.zeros_like(base)
        else:
            off = scaled(calls, base, self._read, self._usual_log)[0]
        self._memory.learn(off, np.full(len(base), calls is not None))
        self._seen = calls is not None
