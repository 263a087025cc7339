"""Scenario files: the shipped ones hold, and a mistake in one is one clear line."""

import re
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from informer.core.errors import InformerError
from informer.simulate.chain import parse_chain
from informer.simulate.read import in_days, read_scenario, scenario_of, shipped_names
from informer.simulate.scenario import KINDS
from informer.simulate.traits import Traits
from simulated_traffic import ATTACK, tiny

DOCS = Path(__file__).parents[2] / "docs"
CRON = {"every_minutes": 60, "requests": 5}


def with_pattern(**changes: Any) -> dict[str, Any]:
    given = tiny()
    given["pattern"][0] |= changes
    return given


@pytest.mark.parametrize("name", shipped_names())
def test_every_shipped_scenario_holds_and_ends_after_its_last_event(name: str) -> None:
    scenario = read_scenario(name)
    last = max(e.minute + e.jitter_minutes + e.minutes for e in scenario.events)
    assert last <= (scenario.head.days - scenario.head.train_days) * 1440
    assert {e.flag for e in scenario.events} >= {"attack", "legit"}


def test_the_shop_is_as_large_as_it_says() -> None:
    scenario = read_scenario("shop")
    regular = [p for p in scenario.patterns if p.per_minute or p.cron]
    services = {s.call.callee for p in regular for s in p.slots if s.kind in ("server", "consumer")}
    assert (len(services), len(regular), scenario.head.days) == (30, 40, 14)


def test_the_shop_meets_every_kind_of_event() -> None:
    assert {e.kind for e in read_scenario("shop").events} == set(KINDS)


def test_the_paper_is_as_large_as_it_says() -> None:
    scenario = read_scenario("paper")
    assert len(scenario.services) > 1200
    regular = np.array([p.per_minute for p in scenario.patterns]) * scenario.head.volume
    lines = regular @ Traits(scenario, 0).spans() * 1440 * scenario.head.days
    assert 7e9 < lines < 7.5e9


def test_a_scenario_may_be_like_another_but_for_what_it_says() -> None:
    given = {"like": "shop", "defects": {"sampling": 0.1}, "scenario": {"days": 9}}
    shop, other = read_scenario("shop"), scenario_of(given, "other")
    assert (other.defects.sampling, other.defects.lost) == (0.1, shop.defects.lost)
    assert (other.head.days, other.head.train_days) == (9, shop.head.train_days)
    assert (other.patterns, other.events) == (shop.patterns, shop.events)


def test_cells_have_services_of_their_own() -> None:
    head = {"title": "tiny", "days": 2, "train_days": 1, "cells": 3}
    scenario = scenario_of(tiny(scenario=head), "tiny")
    assert [p.name for p in scenario.patterns[::2]] == ["login", "login-2", "login-3"]
    assert scenario.services == sorted(
        f"{service}{cell}"
        for service in ("auth", "catalog", "gateway", "mail")
        for cell in ("", "-2", "-3")
    )


def test_the_scenarios_of_the_docs_hold() -> None:
    page = (DOCS / "how-to" / "simulate.md").read_text(encoding="utf-8")
    like, own, graft = re.findall(r"```text\n(.*?)```", page, re.DOTALL)
    assert len(scenario_of(tomllib.loads(like), "like").patterns) == 4 * 43
    scenario = scenario_of(tomllib.loads(own), "own")
    assert [p.name for p in scenario.patterns] == ["login", "cleanup"]
    scenario = scenario_of(tomllib.loads(own + graft), "both")
    assert [e.id for e in scenario.events] == ["A1", "A2"]


def test_a_scenario_is_read_from_a_path(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        '[scenario]\ntitle = "t"\ndays = 2\ntrain_days = 1\n'
        '[[pattern]]\nname = "p"\nper_minute = 1\nchain = "a: GET /"\n'
    )
    assert read_scenario(str(file)).name == "mine"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (tiny(nonsense={}), "tiny: nonsense is unknown, there are scenario, season"),
        (tiny(like="shopp"), "tiny: like must be one of bank, paper, shop, social, got 'shopp'"),
        (tiny(noise={"sigmas": 1}), "tiny: noise.sigmas is unknown, there are sigma"),
        (tiny(noise={"sigma": -1}), "tiny: noise.sigma must be 0 to 2, got -1"),
        (tiny(noise={"sigma": "big"}), "tiny: noise.sigma must be 0 to 2, got 'big'"),
        (tiny(noise=3), "tiny: noise must be a section, got 3"),
        (tiny(season=3), "tiny: season must be a section, got 3"),
        (tiny(pattern={}), r"tiny: pattern must be a list [[pattern]]"),
        (tiny(pattern=[]), "tiny: a pattern must have per_minute or cron"),
        (tiny(defects={"sampling": 0}), "tiny: defects.sampling must be 0.0001 to 1, got 0"),
        (tiny(calendar={"holidays": [-1]}), "must be a list of day numbers from 0, got [-1]"),
        (tiny(season={"s": {"peaks": [[1, 2]]}}), "season.s.peaks must be a list of [hour, width"),
        (tiny(scenario={"title": "t", "days": 2}), "tiny: scenario.train_days must be given"),
        (
            tiny(scenario={"title": "t", "days": 1, "train_days": 1}),
            "days must be more than the 1 of training, got 1",
        ),
        (with_pattern(season="noon"), "pattern 1.season must be a season (none), got noon"),
        (with_pattern(name="browse"), "tiny: pattern names must differ, browse comes twice"),
        (with_pattern(cron=CRON | {"requests": 0}), "cron.requests must be a whole number from 1"),
        (tiny(ATTACK | {"patterns": ["buy"]}), "tiny: event A1: there is no pattern buy"),
        (tiny(ATTACK | {"patterns": []}), "event A1.patterns must name one pattern, got []"),
        (tiny(ATTACK | {"guilty": "x"}), "event A1.guilty must be `callee: METHOD` of login"),
        (tiny(ATTACK | {"kind": "rain"}), "event 1.kind must be one of account_cracking"),
        (tiny(ATTACK | {"at": "noon"}), "event 1.at must be a moment after training"),
        (tiny(ATTACK | {"multiplier": 1}), "event A1.multiplier must be > 1, got 1"),
        (tiny(ATTACK | {"multiplier": [3, 2]}), "multiplier must be a number or [least, most]"),
        (tiny(ATTACK, ATTACK), "tiny: event ids must differ, A1 comes twice"),
        (tiny(ATTACK | {"service": "x"}), "event A1: there is no service x"),
        (
            tiny(ATTACK | {"kind": "deploy", "patterns": []}),
            "event A1 must have service and version, or patterns and to",
        ),
        (
            tiny(ATTACK | {"kind": "deploy", "patterns": ["*"], "to": "browse"}),
            "event A1 must name the patterns that become `to`, got ['*']",
        ),
        (tiny(ATTACK | {"kind": "autoscaling"}), "event A1.service must be given"),
        (tiny(ATTACK | {"kind": "slow"}), "event A1.times_slower must be > 1, got 1.0"),
        (
            tiny(ATTACK | {"kind": "slow", "guilty": "x"}),
            "guilty must be `callee: METHOD` of login",
        ),
        (
            tiny(ATTACK | {"kind": "slow", "times_slower": 2, "below": "auth: POST /v1/login"}),
            "event A1.below is for attacks, got 'auth: POST /v1/login'",
        ),
        (
            tiny(ATTACK | {"below": "gateway: GET /"}),
            "event A1.below must be `callee: METHOD` of login, got 'gateway: GET /'",
        ),
        (
            tiny(ATTACK | {"below": "gateway: POST /login"}),
            "event A1.guilty must be a call that `below` does not make, got 'auth: POST /v1/login'",
        ),
        (
            tiny(ATTACK | {"below": "gateway: POST /login", "guilty": "auth"}),
            "event A1.guilty must be `callee: METHOD`, got 'auth'",
        ),
        (
            tiny(ATTACK | {"kind": "flash_sale", "patterns": []}),
            "event A1.patterns must name what is in demand",
        ),
    ],
    ids=lambda value: "" if isinstance(value, dict) else value[:48],
)
def test_a_mistake_is_one_line_that_names_the_key_the_rule_and_the_value(
    given: dict[str, Any], said: str
) -> None:
    with pytest.raises(InformerError, match=re.escape(said)):
        scenario_of(given, "tiny")


@pytest.mark.parametrize(
    ("chain", "said"),
    [
        ("", "p.chain must have a line"),
        ("gateway", "a line must be `callee: METHOD key=value`, got gateway"),
        ("a: GET /\nb: GET /", "p.chain must have one entry, got a second: b: GET /"),
        ("a: GET /  p=0.5", "p.chain must begin with one rpc that is always called"),
        ("a: GET /\n  b: GET /  p=2", "p.chain: b: GET /: p must be 0 to 1, got 2"),
        ("a: GET /\n  b: GET /  p=x", "p.chain: b: GET /: p must be 0 to 1, got x"),
        ("a: GET /\n  b: GET /  q=1", "p.chain: b: GET /: q is unknown, there are kind, times"),
        ("a: GET /\n  b: GET /  kind=tcp", "kind must be one of rpc, db, external, queue, got tcp"),
        ("a: GET /\n  b: GET /  times=5-2", "times must be N or N-M up to 20, got 5-2"),
        (
            "a: GET /\n  b: GET /  times=20\n    c: GET /  times=20\n      d: GET /  times=20",
            "p.chain may make at most 400 calls",
        ),
    ],
)
def test_a_mistake_in_a_chain_is_one_line(chain: str, said: str) -> None:
    with pytest.raises(InformerError, match=re.escape(said)):
        parse_chain(chain, "p")


def test_a_chain_is_a_tree_by_indentation() -> None:
    slots = parse_chain("a: GET /\n  b: GET /b\n    c: GET /c\n  d: said kind=queue", "p")
    assert [(s.call.rpc[0], s.call.callee, s.kind, s.parent) for s in slots] == [
        ("outside", "a", "server", -1),
        ("a", "b", "server", 0),
        ("b", "c", "server", 1),
        ("a", "d", "producer", 0),
        ("a", "d", "consumer", 3),
    ]


def test_a_scenario_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(
        InformerError, match="must be one of bank, paper, shop, social or a TOML file"
    ):
        read_scenario("shopp")


@pytest.mark.parametrize(("bytes_", "said"), [(b"[x", "must be TOML"), (b"\xff", "cannot be read")])
def test_a_file_that_is_no_toml_says_so(tmp_path: Path, bytes_: bytes, said: str) -> None:
    file = tmp_path / "bad.toml"
    file.write_bytes(bytes_)
    with pytest.raises(InformerError, match=said):
        read_scenario(str(file))


def test_days_must_leave_something_after_training() -> None:
    with pytest.raises(InformerError, match="days must be more than the 7 of training, got 7"):
        in_days(read_scenario("shop"), 7)
