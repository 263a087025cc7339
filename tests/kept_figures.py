"""Figures as the evaluation keeps them: a campaign found, one missed, and rows made of such."""

import numpy as np

from quality.evaluate import Evaluated
from quality.judge import Campaign, EventFigures
from quality.kept import Row

FOUND = Campaign("A1", "scraping", 9.25, True, True, 1, 2.0)
MISSED = Campaign("A2", "lateral_movement", None, False, False, None, float("inf"))
WEAK = Campaign("A3", "scraping", float("nan"), False, True, 4, float("inf"))


def row(*campaigns: Campaign, commit: str = "abc", world: str = "w", false: int = 1) -> Row:
    """Two days, false incidents on the second, alike at every budget."""
    figures = EventFigures(campaigns, np.array([0, false]), 1.5)
    vus = {"p1": 0.25, "p2": float("nan")}
    return Row(Evaluated(dict.fromkeys((1, 5, 20), figures), vus, 12.5), commit, world)
