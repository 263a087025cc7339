"""`informer simulate` from the command line, and what `informer check` thinks of it."""

import json
import subprocess
import sys
from pathlib import Path

SCENARIO = """
[scenario]
title = "Two services"
days = 3
train_days = 2

[defects]
lost = 0.001

[[pattern]]
name = "login"
per_minute = 2
chain = \"\"\"
gateway: POST /login
  auth: POST /v1/login  refuse=0.05
\"\"\"

[[event]]
id = "A1"
kind = "account_cracking"
at = "0d 06:00"
minutes = 60
patterns = ["login"]
guilty = "auth: POST /v1/login"
multiplier = 4
"""


def informer(*words: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("informer")
    return subprocess.run([program, *words], capture_output=True, text=True, check=False)


def test_simulated_traffic_is_fit_for_informer(tmp_path: Path) -> None:
    file, folder = tmp_path / "two.toml", tmp_path / "traffic"
    file.write_text(SCENARIO)
    ran = informer("simulate", str(file), "-o", str(folder), "--from", "2026-01-05", "--json")
    assert (ran.returncode, ran.stderr) == (0, "")
    facts = json.loads(ran.stdout)
    assert sorted(f.name for f in (folder / "train").iterdir()) == [
        "2026-01-05.parquet",
        "2026-01-06.parquet",
    ]
    checked = json.loads(informer("check", str(folder / "train"), "--json").stdout)
    assert checked["verdict"] == "fit"
    assert checked["spans"] == facts["spans"]["train"]
    assert checked["rejected"] == {}


def test_people_are_told_what_was_written_and_left_out(tmp_path: Path) -> None:
    ran = informer("simulate", "bank", "-o", str(tmp_path / "t"), "--days", "8", "--seed", "7")
    assert ran.returncode == 0, ran.stderr
    assert "clean until 2026-06-08 00:00" in ran.stdout
    assert "left out, as they end later: B4, B5" in ran.stdout
    assert f"next: informer learn {tmp_path / 't' / 'train'}" in ran.stdout


def test_a_mistake_is_one_line_and_exit_2(tmp_path: Path) -> None:
    ran = informer("simulate", "shopp", "-o", str(tmp_path / "t"))
    assert ran.returncode == 2
    assert ran.stderr.splitlines() == [
        "informer: SCENARIO must be one of bank, paper, shop, social or a TOML file, got shopp"
    ]
    assert not (tmp_path / "t").exists()


def test_an_output_below_what_is_no_folder_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ran = informer("simulate", "shop", "-o", str(tmp_path / "file" / "x"))
    assert ran.returncode == 2
    (line,) = ran.stderr.splitlines()
    assert line.endswith("stopped: Not a directory")
