"""Curves as charts of a page, and the numbers that these draw."""

from collections.abc import Mapping
from typing import Any

from informer.core.types import NS_PER_S, Json
from informer.pipeline.curves import Curve
from informer.service.console.visit import Range
from informer.web.cards import Chart
from informer.web.charts import encode
from informer.web.views import Rpc, RpcSeries
from informer.web.words import shown


class Charts:
    """All charts of one page."""

    def __init__(self, rpcs: Mapping[str, Json], over: Range, *, points: int) -> None:
        """`points` of a chart, at most."""
        self._rpcs, self._over, self._points = rpcs, over, points
        self.payload: list[dict[str, Any]] = []

    def add(self, curve: Curve, *, over_all: bool = False) -> Chart:
        """A chart of the page's range, or over all that the curve has."""
        rpc = rpc_of(curve.rpc_id, self._rpcs)
        self.payload.append(encode(series_of(curve), (), self._points))
        return Chart(
            index=len(self.payload) - 1,
            rpc=rpc,
            signal=curve.signal,
            says=f"{shown(rpc.caller)} to {shown(rpc.callee)} {shown(rpc.method)}: "
            f"{curve.signal} observed against expected over the range.",
            from_s=(int(curve.starts_ns[0]) if over_all else self._over.from_ns) // NS_PER_S,
            until_s=self._over.until_ns // NS_PER_S,
        )


def rpc_of(rpc_id: str, rpcs: Mapping[str, Json]) -> Rpc:
    """An rpc as it is drawn; by its id where nothing else is known of it."""
    row = rpcs.get(rpc_id, {"caller": "", "callee": rpc_id, "method": ""})
    return Rpc(rpc_id, row["caller"], row["callee"], row["method"])


def series_of(curve: Curve) -> RpcSeries:
    """A curve as it is drawn."""
    return RpcSeries(
        curve.rpc_id,
        curve.starts_ns,
        curve.observed,
        curve.expected,
        curve.low,
        curve.high,
        curve.score,
        curve.threshold,
        curve.signal,
    )
