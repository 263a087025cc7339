"""Moments and durations as people type them."""

import click
import pytest

from informer.cli.detect import looked_at
from informer.cli.incidents import print_incidents
from informer.cli.show import how_long, lasted, printable, when
from informer.cli.values import Duration, Moment

NOON_NS = 1_781_524_800_000_000_000  # 2026-06-15 12:00 UTC


@pytest.mark.parametrize(
    ("typed", "seconds"),
    [("60", 60), ("60s", 60), ("10m", 600), ("1h", 3600), ("1d", 86_400), (" 5m ", 300)],
)
def test_a_duration_is_typed_with_its_unit(typed: str, seconds: int) -> None:
    assert Duration().convert(typed, None, None) == seconds


@pytest.mark.parametrize(
    "typed", ["", "0", "0s", "-1", "1.5h", "h", "1w", "ten", "1 h", "1h30m", "9" * 5_000]
)
def test_what_is_no_duration_is_refused(typed: str) -> None:
    with pytest.raises(click.BadParameter, match="must be a duration such as"):
        Duration().convert(typed, None, None)


@pytest.mark.parametrize(
    "typed",
    [
        "2026-06-15T12:00",
        "2026-06-15 12:00:00",
        "2026-06-15T12:00Z",
        "2026-06-15T14:00+02:00",
        "20260615T120000",
        str(NOON_NS),
        " 2026-06-15T12:00 ",
    ],
)
def test_a_moment_is_typed_in_many_ways_and_is_utc_unless_it_says_otherwise(typed: str) -> None:
    assert Moment().convert(typed, None, None) == NOON_NS


def test_a_date_is_its_first_moment() -> None:
    assert Moment().convert("2026-06-15", None, None) == NOON_NS - 12 * 3600 * 10**9


def test_microseconds_are_kept() -> None:
    assert Moment().convert("2026-06-15T12:00:00.000001", None, None) == NOON_NS + 1000


@pytest.mark.parametrize(
    "typed", ["", "noon", "2026-13-01", "15.6.2026", "1781524800", "1500-01-01", "9999-12-31"]
)
def test_what_is_no_moment_is_refused(typed: str) -> None:
    with pytest.raises(click.BadParameter, match="must be a time from 1970 to 2262"):
        Moment().convert(typed, None, None)


def test_times_are_shown_in_minutes() -> None:
    assert when(NOON_NS + 59 * 10**9) == "2026-06-15 12:00"
    assert when(None) == "open"


@pytest.mark.parametrize(
    ("minutes", "shown"), [(30, "30 min"), (119, "119 min"), (150, "2.5 h"), (3600, "2.5 d")]
)
def test_a_length_is_shown_in_the_unit_that_fits(minutes: int, shown: str) -> None:
    assert lasted(0, minutes * 60 * 10**9) == shown


def test_an_open_incident_lasts() -> None:
    assert lasted(0, None) == "open"
    assert how_long(0, None) == "still open"
    assert how_long(0, 60 * 10**9) == "lasted 1 min"


def test_what_sampled_chains_stand_for_is_told() -> None:
    assert looked_at(2553, 255_300.0) == "2,553 chains, standing for 255,300"
    assert looked_at(2553, 2553.0) == "2,553 chains"
    assert looked_at(1, 1.0) == "1 chain"


def test_one_incident_is_not_spoken_of_as_many(capsys: pytest.CaptureFixture[str]) -> None:
    incident = {"id": "a", "opened_ns": 0, "resolved_ns": None, "severity": "high", "score": 3.0}
    incident |= {"kind": "novel", "title": "Never seen before"}
    print_incidents([incident])
    assert capsys.readouterr().out.startswith("1 incident\n")
    print_incidents([incident, incident])
    assert capsys.readouterr().out.startswith("2 incidents\n")


@pytest.mark.parametrize("text", ["plain", "ü 🎈", "GET /x?y=[z]"])
def test_what_can_be_printed_stays(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize("character", ["\x1b", "\x9b", "\n", "\r", "\x00", "\u202e", "\x7f"])
def test_what_could_drive_a_terminal_is_replaced(character: str) -> None:
    assert printable(f"a{character}b") == "a\N{REPLACEMENT CHARACTER}b"
