"""How far could the constants of the patterns move, and would one distance have done?

Reads train-ticket and online-boutique below INFORMER_DATA. Upper table: adjusted Rand index on
Train-Ticket's APIs / pattern count of its booking / page types of Online Boutique told apart, by
what a call passes on and by what is near. Lower table: the same for DBSCAN with one eps on the
plain Jaccard distance of the sets of rpcs.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np
from sklearn.cluster import DBSCAN
from sklearn.metrics import adjusted_rand_score

from informer.core.tables import RPCS, SHAPES
from informer.patterns import clusters, density, weights
from informer.patterns.find import find_patterns
from pattern_quality import ONLINE_BOUTIQUE, TRAIN_TICKET, Learned, apis_of, learn, pages_of

RESULT = Path(__file__).parent / "results" / "pattern_settings.json"
PASSED_ON = (0.05, 0.1, 0.15, 0.2, 0.25, 0.33)
NEAR = (0.075, 0.1, 0.125, 0.15, 0.175, 0.2, 0.25)
EPS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
LEAST_CHAINS = 10

Row = dict[str, float]


def judged(ticket: Learned, boutique: Learned, label: dict[str, str]) -> Row:
    """How well the labels of all shapes serve both captures."""
    api_of = apis_of(ticket)
    apis = [api_of[shape_id] for _, shape_id in ticket.chains]
    patterns = [label[shape_id] for _, shape_id in ticket.chains]
    booking = {label[s] for s, api in api_of.items() if api.endswith("/preserve")}
    pages = [{label[shape_id] for shape_id in page} for page in pages_of(boutique)]
    return {
        "ari": round(adjusted_rand_score(apis, patterns), 3),
        "booking": len(booking),
        "pages": len({tuple(page) for page in pages if len(page) == 1}),
    }


def ours(learned: Learned, passed_on: float, near: float) -> dict[str, str]:
    """The pattern of every shape, with other constants."""
    weights.PASSED_ON = passed_on
    density.NEAR, density.FAR, clusters.FAR = near, 2 * near, 2 * near
    tables = SHAPES.of(learned.shapes), RPCS.of(list(learned.rpcs.values()))
    members = find_patterns(*tables, run_id="settings").members
    columns = (members["shape_id"].to_pylist(), members["pattern_id"].to_pylist())
    return dict(zip(*columns, strict=True))


def one_eps(learned: Learned, eps: float) -> dict[str, str]:
    """The cluster of every shape by DBSCAN, weighted by chains; all have one entry."""
    calls = [set(s["rpc_ids"]) for s in learned.shapes]
    far = np.array([[1 - len(a & b) / len(a | b) for a in calls] for b in calls])
    dbscan = DBSCAN(eps=eps, min_samples=LEAST_CHAINS, metric="precomputed")
    found = dbscan.fit_predict(far, sample_weight=[s["chains"] for s in learned.shapes])
    return {s["shape_id"]: str(c) for s, c in zip(learned.shapes, found, strict=True)}


def cell(row: Row) -> str:
    return f"{row['ari']:.3f}/{row['booking']}/{row['pages']}"


def main() -> None:
    if "INFORMER_DATA" not in os.environ:
        sys.exit("set INFORMER_DATA to the folder of train-ticket and online-boutique")
    data = Path(os.environ["INFORMER_DATA"])
    ticket, boutique = learn(data / TRAIN_TICKET), learn(data / ONLINE_BOUTIQUE)
    settings = {
        f"{passed_on}/{near}": judged(
            ticket, boutique, ours(ticket, passed_on, near) | ours(boutique, passed_on, near)
        )
        for passed_on in PASSED_ON
        for near in NEAR
    }
    single = {
        str(eps): judged(ticket, boutique, one_eps(ticket, eps) | one_eps(boutique, eps))
        for eps in EPS
    }
    print(f"{'passed on':>10}" + "".join(f"{f'near {near}':>13}" for near in NEAR))
    for passed_on in PASSED_ON:
        cells = "".join(f"{cell(settings[f'{passed_on}/{near}']):>13}" for near in NEAR)
        print(f"{passed_on:>10}" + cells)
    print(f"\n{'one eps':>10}" + "".join(f"{eps:>13}" for eps in EPS))
    print(f"{'':10}" + "".join(f"{cell(single[str(eps)]):>13}" for eps in EPS))
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps({"settings": settings, "one_eps": single}, indent=2) + "\n")


if __name__ == "__main__":
    main()
