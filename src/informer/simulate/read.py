"""Reads a scenario: a shipped one by its name, your own by its path."""

import tomllib
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from informer.core.errors import InformerError
from informer.core.types import OUTSIDE
from informer.simulate.chain import Call, parse_chain
from informer.simulate.fits import check_event
from informer.simulate.grafts import with_grafts
from informer.simulate.reading import made
from informer.simulate.scenario import (
    Batch,
    Calendar,
    Defects,
    Event,
    Head,
    Noise,
    Pattern,
    PatternKeys,
    Scenario,
    Season,
)

SHIPPED = files("informer.simulate").joinpath("scenarios")
SECTIONS = ("scenario", "season", "noise", "calendar", "defects", "pattern", "event")


def read_scenario(named: str) -> Scenario:
    """A scenario by its shipped name or its path.

    Errors: InformerError that names the file, the key, the rule and the value.
    """
    if named in shipped_names():
        return scenario_of(_shipped(named), named)
    own = Path(named)
    if not own.is_file():
        raise InformerError(
            f"SCENARIO must be one of {', '.join(shipped_names())} or a TOML file, got {named}"
        )
    try:
        given = tomllib.loads(own.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InformerError(f"{named} cannot be read: {error}") from error
    except ValueError as error:  # a number of thousands of digits is none, too
        raise InformerError(f"{named} must be TOML: {error}") from error
    return scenario_of(given, own.stem)


def shipped_names() -> list[str]:
    """The scenarios that come with the package."""
    return sorted(f.name.removesuffix(".toml") for f in SHIPPED.iterdir())


def scenario_of(given: dict[str, Any], name: str) -> Scenario:
    """A scenario from nested values; `name` is how errors call it.

    `like` names a shipped scenario that all else is taken from: tables key by key, lists whole.
    Errors: InformerError for an unknown key, a value against its rule or a name that is not there.
    """
    given = _with_likeness(given, name)
    for section in given:
        if section not in SECTIONS:
            raise InformerError(f"{name}: {section} is unknown, there are {', '.join(SECTIONS)}")
    named_seasons = given.get("season", {})
    if not isinstance(named_seasons, dict):
        raise InformerError(f"{name}: season must be a section, got {named_seasons!r}")
    seasons = {
        season: made(Season, values, f"{name}: season.{season}")
        for season, values in named_seasons.items()
    }
    scenario = Scenario(
        name,
        made(Head, given.get("scenario", {}), f"{name}: scenario"),
        made(Noise, given.get("noise", {}), f"{name}: noise"),
        made(Calendar, given.get("calendar", {}), f"{name}: calendar"),
        made(Defects, given.get("defects", {}), f"{name}: defects"),
        tuple(
            _pattern(values, seasons, f"{name}: pattern {place}")
            for place, values in enumerate(_listed(given, "pattern", name), 1)
        ),
        tuple(
            made(Event, values, f"{name}: event {place}")
            for place, values in enumerate(_listed(given, "event", name), 1)
        ),
    )
    _once([p.name for p in scenario.patterns], f"{name}: pattern names")
    _once([e.id for e in scenario.events], f"{name}: event ids")
    if not any(p.per_minute or p.cron for p in scenario.patterns):
        raise InformerError(f"{name}: a pattern must have per_minute or cron")
    for event in scenario.events:
        check_event(event, scenario, f"{name}: event {event.id}")
    return in_days(in_cells(with_grafts(scenario)), scenario.head.days)


def in_cells(scenario: Scenario) -> Scenario:
    """The same patterns in every cell of the cluster, each with services of its own.

    Events name patterns and services of the first cell; `*` means those of all.
    """
    patterns = list(scenario.patterns)
    for cell in range(2, scenario.head.cells + 1):
        for pattern in scenario.patterns:
            slots = tuple(replace(s, call=_in_cell(s.call, cell)) for s in pattern.slots)
            patterns.append(replace(pattern, name=f"{pattern.name}-{cell}", slots=slots))
    return replace(scenario, patterns=tuple(patterns))


def in_days(scenario: Scenario, days: int) -> Scenario:
    """The same scenario of another length. Errors: InformerError when nothing follows training."""
    if days <= scenario.head.train_days:
        raise InformerError(
            f"days must be more than the {scenario.head.train_days} of training, got {days}"
        )
    return replace(scenario, head=replace(scenario.head, days=days))


def _in_cell(call: Call, cell: int) -> Call:
    caller = call.caller if call.caller == OUTSIDE else f"{call.caller}-{cell}"
    return replace(call, caller=caller, callee=f"{call.callee}-{cell}")


def _shipped(named: str) -> dict[str, Any]:
    return tomllib.loads(SHIPPED.joinpath(f"{named}.toml").read_text(encoding="utf-8"))


def _with_likeness(given: dict[str, Any], name: str) -> dict[str, Any]:
    """What is given on top of the scenario that it is like."""
    if "like" not in given:
        return given
    if given["like"] not in shipped_names():
        there = ", ".join(shipped_names())
        raise InformerError(f"{name}: like must be one of {there}, got {given['like']!r}")
    merged = _with_likeness(_shipped(given["like"]), given["like"])
    for section, values in given.items():
        below = merged.get(section)
        if isinstance(values, dict) and isinstance(below, dict):
            merged[section] = below | values
        else:
            merged[section] = values
    return {section: values for section, values in merged.items() if section != "like"}


def _pattern(values: Any, seasons: dict[str, Season], where: str) -> Pattern:
    keys = made(PatternKeys, values, where)
    if keys.season and keys.season not in seasons:
        there = ", ".join(seasons) or "none"
        raise InformerError(f"{where}.season must be a season ({there}), got {keys.season}")
    return Pattern(
        keys.name,
        keys.per_minute,
        seasons.get(keys.season, Season()),
        made(Batch, keys.cron, f"{where}.cron") if keys.cron is not None else None,
        parse_chain(keys.chain, where),
    )


def _listed(given: dict[str, Any], section: str, name: str) -> list[Any]:
    values = given.get(section, [])
    if not isinstance(values, list):
        raise InformerError(f"{name}: {section} must be a list [[{section}]]")
    return values


def _once(names: list[str], where: str) -> None:
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise InformerError(f"{where} must differ, {twice[0]} comes twice")
