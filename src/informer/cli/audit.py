"""`informer audit`."""

from pathlib import Path

from informer.cli.reach import reach
from informer.cli.show import print_json, print_table, say, when


def list_audit(workspace: Path, *, json_out: bool) -> None:
    """Who decided what."""
    lines = reach(workspace).audit()
    if json_out:
        print_json(lines)
        return
    if not lines:
        say("No decisions.")
        return
    print_table(
        f"{len(lines)} decisions",
        ("when (UTC)", "who", "action", "object", "outcome", "why and note"),
        [
            (
                when(line["at_ns"]),
                line["who"],
                line["action"],
                line["object"],
                line["outcome"],
                "; ".join(text for text in (line["why"], line["note"]) if text),
            )
            for line in lines
        ],
    )
