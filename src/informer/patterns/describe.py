"""Describes every cluster as a row of `patterns`: its label, its share, whether it is critical."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from informer.core.types import Floats, Ints, Json
from informer.patterns.clusters import Clusters, sizes
from informer.patterns.critical import Rule, is_critical
from informer.patterns.forms import Forms
from informer.patterns.labels import name_patterns
from informer.patterns.usage import USED, shares


def describe(
    forms: Forms,
    clusters: Clusters,
    weights: Mapping[int, Floats],
    ids: Sequence[str],
    critical_share: float,
    rules: Sequence[Rule],
) -> list[Json]:
    """Rows without `run_id` and `entry_rpc_id`, the largest pattern first.

    `weights` is, by entry, what each plain rpc tells about a chain; [p].
    """
    used = shares(forms, clusters.label, len(ids))
    chains = sizes(forms, clusters.label, len(ids))
    entries = forms.entry[clusters.medoid]
    labels = _labels(forms, [weights[e] for e in entries.tolist()], entries, used, ids)
    rows: list[Json] = []
    for m in sorted(range(len(ids)), key=lambda m: (-chains[m], ids[m])):
        share = float(chains[m] / forms.chains.sum())
        names = [name for p in np.flatnonzero(used[m] >= USED) for name in forms.rpcs.names[p]]
        rows.append(
            {
                "pattern_id": ids[m],
                "label": labels[m],
                "medoid_shape_id": forms.shape_ids[clusters.medoid[m]],
                "chains": float(chains[m]),
                "share": share,
                "critical": is_critical(share, names, critical_share, rules),
                "state": "learning",
            }
        )
    return rows


def _labels(
    forms: Forms, weights: Sequence[Floats], entries: Ints, used: Floats, ids: Sequence[str]
) -> list[str]:
    """Two patterns of one label, such as one that calls more often, tell their ids."""
    labels = name_patterns(forms.rpcs.plain, entries, used, weights)
    times = Counter(labels)
    pairs = zip(labels, ids, strict=True)
    return [label if times[label] == 1 else f"{label} ({name})" for label, name in pairs]
