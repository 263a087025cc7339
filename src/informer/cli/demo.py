"""`informer demo`: the main job on the bundled capture."""

import tempfile
from importlib import resources
from pathlib import Path

from informer.cli.check import print_check
from informer.cli.incidents import print_incidents
from informer.cli.labels import false_incidents, hold_against
from informer.cli.learn import print_learned
from informer.cli.report import write_report
from informer.cli.show import print_json, print_table, progress_on_stderr, say, when
from informer.config.settings import Settings, TrafficSettings
from informer.pipeline.check import check
from informer.pipeline.detect import detect
from informer.pipeline.documents import detection_document
from informer.pipeline.learn import learn
from informer.pipeline.look import list_patterns

STEP_S = 600


def run_demo(report_path: Path, *, json_out: bool) -> None:
    """Check, learn, detect, compare with the labels and write the report."""
    workspace = Path(tempfile.mkdtemp(prefix="informer-demo-")) / "workspace"
    capture = resources.files("informer.demo")
    settings = Settings(traffic=TrafficSettings(step_s=STEP_S))
    with resources.as_file(capture) as folder, progress_on_stderr() as progress:
        train, segment = str(folder / "train.parquet"), str(folder / "segment_a.parquet")
        checked = check([train], settings, progress=progress)
        learned = learn([train], workspace, settings=settings, progress=progress)
        found = detect([segment], workspace, progress=progress)
        incidents = detection_document(found.incidents, found.grid)["incidents"]
        labels = hold_against(folder / "labels_a.csv", incidents, found.grid.step_ns)
    false = false_incidents(labels, incidents, found.grid.step_ns)
    write_report(
        report_path,
        found,
        workspace,
        "the bundled capture: Istio's Bookinfo behind Envoy, five days with labelled events",
        checks=checked.lines()[:-1],  # the last line is the verdict
        verdict=checked.found.verdict,
        labels=labels,
    )
    if json_out:
        print_json(
            detection_document(found.incidents, found.grid)
            | {
                "labels": [{k: getattr(x, k) for k in x.__slots__} for x in labels],
                "report": str(report_path.absolute()),
                "workspace": str(workspace),
            }
        )
        return
    say("1. Is the data fit?")
    print_check(checked)
    say("")
    say("2. Learn fourteen days of regular traffic")
    print_learned(learned, list_patterns(workspace))
    say("")
    say("3. Look at the five days after")
    print_incidents(incidents)
    say("")
    say("4. What is known to have happened")
    print_table(
        f"{len(labels)} labelled events",
        ("event", "from (UTC)", "incident", "what", "outcome"),
        [
            (x.event, when(x.start_ns), x.found_by or "", f"{x.flag}: {x.kind}", x.outcome)
            for x in labels
        ],
    )
    say(f"Misuse incidents outside every attack and fault: {len(false)} (the budget is one a day).")
    say("")
    say(f"The report: {report_path.absolute()}")
    say(f"The workspace: {workspace} (try `informer incidents list -w {workspace}`)")
