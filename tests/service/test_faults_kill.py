"""`kill -9` at any moment: no step judged twice, no acknowledged span lost, nothing told twice."""

import random
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from informer.service.outbox import AT_ONCE
from kept_steps import calls_by_step, closed_ns, rows, steps_twice
from receiver import Receiver, receiving
from running_service import Served, serving, with_serve_settings
from shop import Shop
from soaking import eventually, many
from span_feed import Feed, Message
from traffic_maker import DAY_STEPS, STEP_NS

KILLS = many(3, 20)
LONGEST_LIFE_S = 4.0
STARTING_S = 2.5


def test_kills_at_random_moments_lose_nothing_and_repeat_nothing(
    shop: Shop, own_workspace: Path
) -> None:
    chance = random.Random(7)
    feed = Feed(shop, 0, DAY_STEPS)
    with receiving() as receiver:
        hook = f'\n[webhook]\nurl = "{receiver.url}"\n'
        workspace = with_serve_settings(own_workspace, hook)
        left = list(feed.messages())
        share = len(left) // (KILLS + 1)
        for _ in range(KILLS):
            if chance.random() < 0.3:
                kill_while_it_starts(workspace, chance.uniform(0.1, STARTING_S))
            left = left[lives_and_dies(workspace, left[:share], chance) :]
        last_step_ns = shop.day_ns + (DAY_STEPS - 1) * STEP_NS
        waiting = (last_step_ns - (closed_ns(workspace) or shop.day_ns + STEP_NS)) // STEP_NS
        with serving(workspace) as served:
            for message in left:
                assert took(served, message)
            served.wait_for("informer_steps_closed_total", waiting, many(60.0, 600.0))
            assert served.metric("informer_spans_late_total") == 0
        made = rows(workspace, "select notice_id, incident_id, sequence, state from notices")
        assert made, "an attack was told"
        with serving(workspace):
            eventually(lambda: {body["id"] for body in receiver.bodies} >= ids_of(made))
    assert steps_twice(workspace) == []
    sent = {ns: n for ns, n in feed.spans_by_step().items() if shop.day_ns < ns < last_step_ns}
    assert calls_by_step(workspace, shop.day_ns) == sent
    assert {body["id"] for body in receiver.bodies} == ids_of(made)
    assert_doubles_are_equal(receiver)
    assert_told_in_order(made)


def kill_while_it_starts(workspace: Path, after_s: float) -> None:
    command = [sys.executable, "-m", "informer", "serve", "-w", str(workspace)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        time.sleep(after_s)
        process.kill()


def lives_and_dies(workspace: Path, some: Sequence[Message], chance: random.Random) -> int:
    """How many messages were acknowledged before the kill."""
    with serving(workspace) as served:
        killer = threading.Timer(chance.uniform(0.0, LONGEST_LIFE_S), served.process.kill)
        killer.start()
        taken = 0
        for message in some:
            if not took(served, message):
                break
            taken += 1
        killer.join()
        served.process.wait()
    return taken


def took(served: Served, message: Message) -> bool:
    """Whether it was acknowledged; a service that is gone acknowledges nothing."""
    try:
        return served.post(message.body, "application/x-protobuf")[0] == 200
    except OSError:
        return False


def ids_of(notices: Sequence[dict[str, Any]]) -> set[str]:
    return {notice["notice_id"] for notice in notices}


def assert_doubles_are_equal(receiver: Receiver) -> None:
    """A kill between a post and its note makes a double: the same id, the same body."""
    told: dict[str, dict[str, Any]] = {}
    for body in receiver.bodies:
        assert told.setdefault(body["id"], body) == body
    assert len(receiver.bodies) <= len(told) + KILLS * AT_ONCE


def assert_told_in_order(notices: Sequence[dict[str, Any]]) -> None:
    """Of an incident 1, 2, ...: it opens first, and is over once."""
    by_incident = sorted(notices, key=lambda row: (row["incident_id"], row["sequence"]))
    for _, of_one in groupby(by_incident, key=lambda row: str(row["incident_id"])):
        found = list(of_one)
        assert [row["sequence"] for row in found] == list(range(1, len(found) + 1))
        states = [row["state"] for row in found]
        assert states[0] == "firing"
        assert states.count("resolved") <= 1
