"""Puts the figures of the results into the tables of docs/explanation/quality.md.

usage: make_quality_page.py
"""

from pathlib import Path

from quality.page import filled, results_in

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "explanation" / "quality.md"


def main() -> None:
    """Write the page anew; its words stay."""
    page = filled(PAGE.read_text(encoding="utf-8"), results_in(HERE / "results"))
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
