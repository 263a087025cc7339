"""The page on quality tells what the results say, and what was not measured."""

from pathlib import Path

import pytest

from informer.core.types import Json
from kept_figures import FOUND, MISSED, row
from quality.page import filled, results_in
from quality.table import table_of

ROOT = Path(__file__).parents[2]
NOTHING: dict[str, Json] = {"detection_quality": {}, "update_claim": {}, "forecast_quality": {}}


def page(*names: str) -> str:
    return "\n".join(f"Before.\n<!-- table: {n} -->\nold\n<!-- end -->\nAfter." for n in names)


def measured() -> dict[str, Json]:
    kept = {
        "bank 1": {
            ("whole", "Informer"): row(FOUND, MISSED),
            ("whole", "random"): row(MISSED, MISSED, world="other", commit="old"),
            ("clean", "Informer"): row(false=3),
        }
    }
    return NOTHING | {"detection_quality": {"results": {"bank": table_of("one bank", kept)}}}


def test_the_tables_of_the_page_are_those_of_the_results() -> None:
    """If not: run benchmarks/make_quality_page.py."""
    text = (ROOT / "docs" / "explanation" / "quality.md").read_text(encoding="utf-8")
    assert filled(text, results_in(ROOT / "benchmarks" / "results")) == text


def test_a_table_takes_the_place_of_the_old_one_and_words_stay() -> None:
    told = filled(page("bank", "shop"), measured())
    assert "old\n" not in told
    assert told.count("Before.\n") == told.count("After.") == 2
    assert "| Informer | " in told
    assert "One bank; 2 campaigns in 1.5 days." in told
    assert filled(told, measured()) == told


def test_a_page_says_which_rows_are_missing_and_which_do_not_compare() -> None:
    told = filled(page("bank"), measured())
    assert "Not measured yet: Informer, counts only, Informer per service, seasonal naive" in told
    assert "not to be compared: random." in told
    assert "Measured: Informer at abc; random at old." in told
    assert "without any event at all: 2, 2, 2." in told


def test_what_was_never_measured_is_said_to_be_so() -> None:
    for name in ("bank", "update claim", "degraded", "forecasts"):
        assert "\nNot measured yet.\n" in filled(page(name), NOTHING)


def test_forecasters_are_told_by_traffic_and_distance() -> None:
    figures = {"wape": [0.1, 0.08, 0.12], "crps": [0.07, 0.06, 0.08], "crps_ratio": [1.5, 1.2, 1.9]}
    told = {"bank": {"1 step": {"seasonal": figures}, "12 steps": {"ridge": figures}}}
    page_told = filled(page("forecasts"), NOTHING | {"forecast_quality": {"results": told}})
    row = "1.50 (1.20 to 1.90) | 0.07 (0.06 to 0.08) | 0.10 (0.08 to 0.12) |"
    assert f"| bank | 1 step | `seasonal` | {row}" in page_told
    assert f"| bank | 12 steps | ridge | {row}" in page_told


def test_a_mark_of_no_table_is_an_error() -> None:
    with pytest.raises(KeyError, match="nowhere"):
        filled(page("nowhere"), NOTHING)
