"""Whatever the rules: no stream of calls tells an accepted order from the one as written."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from informer.policies.parse import parse
from informer.policies.syntax import Policy
from reorder_streams import (
    EDGES,
    Written,
    accepted_pairs,
    every_order,
    orders_of,
    side_by_side,
    swapped,
    told_apart,
)
from rule_trees import policies


@settings(deadline=None, max_examples=60)
@given(policies(), st.integers(0, 2**32))
def test_no_stream_tells_random_rules_apart(policy: Policy, seed: int) -> None:
    orders = orders_of(policy, accepted_pairs(policy))
    assert sum(told_apart([Written(policy, orders)], 30, seed)[0]) == 0


@pytest.mark.parametrize("path", sorted(EDGES.glob("*.rules")), ids=lambda p: p.stem)
def test_no_stream_tells_the_rules_of_an_edge_apart(path: Path) -> None:
    policy = parse(path.read_text(), path.name)
    pairs = accepted_pairs(policy)
    orders = orders_of(policy, pairs)
    assert orders
    written = [Written(policy, orders, every_order(policy, pairs)), *side_by_side(policy, pairs)]
    assert sum(told_apart(written, 300, seed=1)[0]) == 0
    count = len(policy.rules)
    refused = [swapped(policy, i) for i in range(count - 1) if (i, i + 1) not in pairs]
    assert all(told_apart([Written(policy, refused)], 5000, seed=1)[0])  # the streams can tell
