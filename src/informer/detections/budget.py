"""How the alert budget is divided: each kind of finding has a share and so a threshold of its own.

What clean traffic does often in one way must not make the detector blind in another: a first
weekend that looks like silence says nothing about how rare a rush on the login is.
"""

import numpy as np

from informer.core.types import Ints
from informer.detections.streams import Watched

# Shares of the budget; the rest is for news (novelty.SHARE_OF_BUDGET for each class of it).
SHARES_OF_BUDGET = {
    "volume": 0.35,
    "silence": 0.1,
    "mix": 0.05,
    "refusal": 0.1,
    "failure": 0.05,
    "latency": 0.05,
}
KINDS = tuple(SHARES_OF_BUDGET)
# What a cell of a signal would be told as, too much and too little of it.
TOLD_AS = {
    "calls": ("volume", "silence"),
    "family": ("volume", "silence"),
    "share": ("mix", "mix"),
    "refusals": ("refusal", "refusal"),
    "failures": ("failure", "failure"),
    "latency": ("latency", "latency"),
}


def kinds_of(watched: Watched) -> Ints:
    """Place in KINDS of what each stream would be told as: [0] too much, [1] too little; [2, s]."""
    told = [[KINDS.index(TOLD_AS[x.signal][side]) for x in watched.streams] for side in (0, 1)]
    return np.array(told, dtype=np.int64).reshape(2, -1)
