"""The sockets of Informer: what a source, an engine, a forecaster and a sink owe the rest."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, Protocol

import pyarrow as pa

from informer.core.lines import Lines
from informer.core.types import Forecast, Model, Notice, Series

PIECE_ROWS = 1 << 19  # of which some are in memory at once, a tenth of a kilobyte each


class Engine(Protocol):
    """Where tables live and SQL runs. SQL is written in DuckDB's dialect."""

    def run(self, sql: str, /, **values: Any) -> None:
        """Run one or more statements; `$name` in the SQL takes the value `name`."""

    def query(self, sql: str, /, **values: Any) -> pa.Table:
        """The rows of one statement."""

    def stream(self, sql: str, /, **values: Any) -> pa.RecordBatchReader:
        """The rows of one statement, a batch at a time; memory stays bounded.

        Rows of files come in their order, however often they are read.
        """

    def write(self, table: str, rows: pa.Table | pa.RecordBatchReader) -> None:
        """Replace a table by these rows."""

    def append(
        self, table: str, rows: pa.Table | pa.RecordBatchReader, *, passing: bool = False
    ) -> None:
        """Add rows to a table, made when absent; a passing one goes when the engine is closed."""


class Source(Protocol):
    """Spans from somewhere, as rows of a table with the columns of `spans`.

    Bad rows are counted by reason in `rejected` and skipped; nothing is lost unseen.
    """

    format: str
    names: list[str]  # the files it reads, for people
    rejected: Counter[str]
    notes: list[str]  # what was guessed, such as "times are microseconds"

    def stage(
        self,
        engine: Engine,
        table: str,
        *,
        skip: int = 0,
        most: int = PIECE_ROWS,
    ) -> Iterator[int]:
        """Add all spans to a passing table, a piece at a time; gives how many spans each has.

        A piece has about `most` rows, and the same ones whenever the files are the same; the first
        `skip` are left out. A source is read once, in this way or the other.
        """

    def lines(
        self, engine: Engine, key: bytes, *, skip: int = 0, most: int = PIECE_ROWS
    ) -> Iterator[Lines]:
        """All spans apart from what they say, a piece at a time: that is in the table `sayings`.

        Sayings are told once for all spans that say the same; some may be gone from the table when
        the next piece is asked for. `key` makes the numbers of ids secret to a workspace.
        """


class Forecaster(Protocol):
    """Forecasts the next step of every rpc of one pattern, one step ahead.

    `fit` gives a model as plain data: arrays, and a JSON object of settings. A model that was
    saved and loaded gives the same numbers. All randomness comes from `seed`.
    """

    name: str

    def fit(self, series: Series, *, seed: int) -> Model:
        """Learn from a series; steps that were not seen do not count."""

    def forecast(self, model: Model, series: Series) -> Forecast:
        """Expected and spread for every step of `series`, each from the steps before it alone.

        `series` may start before, inside or after what the model was fitted on.
        """


class Sink(Protocol):
    """Tells somebody of incidents. A notice may come more than once, with the same id.

    Names in a notice come from strangers: they are told bounded and harmless. Nothing that is
    secret shows in `repr` or in an error.
    """

    name: str
    refresh_s: int  # an open incident is told again so often; 0 = once is enough

    async def deliver(self, notice: Notice, now_ns: int) -> None:
        """Tell it; returns when it was taken.

        Errors: Undelivered, with whether trying again is of use.
        """

    async def aclose(self) -> None:
        """Let connections go."""
