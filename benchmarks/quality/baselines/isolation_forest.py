"""Isolation forest on windows of a pattern (Liu, Ting, Zhou 2008, "Isolation Forest").

Axes: t step, c column of the pattern, n rpc, f feature.
"""

import numpy as np
from sklearn.ensemble import IsolationForest

from informer.core.types import Floats, PatternTraffic
from quality.baselines.scale import roots
from quality.baselines.season import season
from quality.baselines.timeline import timeline
from quality.baselines.trailing import sums

WINDOWS = (1, 6, 24)  # steps
TREES = 100
SAMPLES = 2_048  # of a tree; with the usual 256 it cannot tell rare from once in a budget
LEAST = 1e-3  # what the rpc that is least above its season keeps of the pattern's score


def scores(
    past: dict[str, PatternTraffic], now: dict[str, PatternTraffic], *, seed: int
) -> dict[str, Floats]:
    """How easily the window is isolated from those of the past; the same for all rpcs of a pattern.

    Features are how far windows of three lengths are above their season, on the scale of roots.
    The rpc that is furthest above it is named first: the forest itself knows only the pattern.
    """
    line = timeline(past, now)
    usual = season(line, line.past) * line.seen[:, None]
    rises = [
        np.maximum(roots(sums(line.counts, w)) - roots(sums(usual, w)), 0.0) for w in WINDOWS
    ]  # [t, c] each
    highest = np.max(rises, axis=0)
    found = np.zeros_like(line.counts[line.now :])
    for pattern_id in line.rpcs_of:
        columns = line.columns_of(pattern_id)
        features = np.concatenate([r[:, columns] for r in rises], axis=1)  # [t, f]
        features = features[:, features[line.past].any(axis=0)]  # no tree splits at what never was
        if features.shape[1] == 0:
            continue
        forest = IsolationForest(
            n_estimators=TREES, max_samples=min(SAMPLES, int(line.past.sum())), random_state=seed
        ).fit(features[line.past])
        isolated = -forest.score_samples(features[line.now :])  # [t], 0..1
        own = highest[line.now :, columns]
        found[:, columns] = isolated[:, None] * (1 - LEAST / (1 + own))
    return line.by_pattern(found)
