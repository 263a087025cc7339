"""The bands of Prometheus recording rules: averages and deviations over time, with offsets.

After Newdigate 2019, "How to use Prometheus for anomaly detection in GitLab", and the long-term
bands of Grafana's promql-anomaly-detection: rates over five minutes, held against average and
deviation of the hour around the same time yesterday and last week. A rate is irregular when it is
above both. Grafana's short-term band, around the last hour, is left out: it quiets whatever lasts
an hour, and on two development worlds VUS-PR and F1 at one incident a day were better without it.

Axes: t step, c column.
"""

import numpy as np

from informer.core.types import Floats, PatternTraffic
from quality.baselines.timeline import DAY_S, WEEK_S, timeline
from quality.baselines.trailing import moments_before, sums

RATE_S = 300
HOUR_S = 3_600


def scores(
    past: dict[str, PatternTraffic], now: dict[str, PatternTraffic], *, seed: int
) -> dict[str, Floats]:
    """By how many deviations the rate is above the band that it is least above.

    The scale is the deviation over time of the calls in five minutes, at least that of chance,
    the root of their mean: without that floor the first call of a quiet night would be an alarm.
    """
    line = timeline(past, now)
    width = line.steps_in(RATE_S)
    seen = np.maximum(sums(line.seen.astype(np.float64), width), 1.0)
    rate = sums(line.counts, width) * (width / seen)[:, None]  # calls in five minutes
    hour = max(line.steps_in(HOUR_S), 4)
    mean, scatter, known = moments_before(rate, line.seen, hour)
    lowest = np.full(rate.shape, np.inf)
    for period_s in (DAY_S, WEEK_S):
        # The hour around the same time: it ended half an hour later.
        back = line.steps_in(period_s) - hour // 2 - 1
        if back >= len(rate):
            continue
        there = np.flatnonzero(known[:-back]) + back
        band = _above(rate[there], mean[there - back], scatter[there - back])
        lowest[there] = np.minimum(lowest[there], band)
    return line.by_pattern(np.where(np.isfinite(lowest), lowest, 0.0)[line.now :])


def _above(rate: Floats, mean: Floats, scatter: Floats) -> Floats:
    return np.asarray((rate - mean) / np.maximum(scatter, np.sqrt(np.maximum(mean, 1.0))))
