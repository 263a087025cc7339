"""The tutorial shows what the demo prints."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial" / "the-demo.md"


def words(line: str) -> str:
    """A line without its numbers and ids: those may differ in their last digit elsewhere."""
    return " ".join(re.sub(r"\b[0-9a-f]{10}\b|\bp[0-9a-f]{6}\b|[0-9][0-9.,:]*", "#", line).split())


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """The folder that the demo ran in, and the lines that it printed."""
    folder = tmp_path_factory.mktemp("demo")
    ended = subprocess.run(
        [str(Path(sys.executable).with_name("informer")), "demo"],
        cwd=folder,
        env={**os.environ, "COLUMNS": "200", "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return folder, ended.stdout.splitlines()


def test_the_demo_prints_every_line_that_the_tutorial_shows(demo: tuple[Path, list[str]]) -> None:
    printed = {words(line) for line in demo[1]}
    shown = re.findall(r"^```text\n(.*?)^```$", TUTORIAL.read_text(), re.MULTILINE | re.DOTALL)
    lines = [line for block in shown for line in block.splitlines()]
    assert len(lines) > 10
    assert [line for line in lines if words(line) not in printed] == []


def test_the_demo_ends_with_a_report_and_a_workspace(demo: tuple[Path, list[str]]) -> None:
    folder, lines = demo
    assert f"The report: {(folder / 'report.html').resolve()}" in lines
    assert (folder / "report.html").read_text().rstrip().endswith("</html>")
    assert len(list(folder.glob("informer-demo-*/workspace/workspace.duckdb"))) == 1
