"""`informer simulate`."""

from pathlib import Path

from informer.cli.show import print_json, progress_on_stderr, say, when
from informer.simulate.read import in_days, read_scenario
from informer.simulate.write import simulate
from informer.web.words import count


def run_simulate(
    named: str, output: Path, seed: int, days: int | None, from_ns: int, *, json_out: bool
) -> None:
    """Simulate, then say what was written and how to go on."""
    scenario = read_scenario(named)
    if days is not None:
        scenario = in_days(scenario, days)
    with progress_on_stderr() as progress:
        facts = simulate(scenario, output, seed=seed, from_ns=from_ns, progress=progress)
    if json_out:
        print_json(facts | {"folder": str(output.absolute())})
        return
    spans = facts["spans"]
    say(f"{facts['title']} (seed {seed})")
    say(
        f"{output / 'train'}: {spans['train']:,} spans, clean until {when(facts['train_until_ns'])}"
    )
    say(f"{output / 'test'}: {spans['test']:,} spans until {when(facts['until_ns'])}")
    say(f"{output / 'labels.csv'}: {count(len(facts['events']), 'event')}")
    if facts["left_out"]:
        say(f"left out, as they end later: {', '.join(facts['left_out'])}")
    say("")
    say(f"next: informer learn {output / 'train'} -w WORKSPACE")
    say(f"      informer detect {output / 'test'} -w WORKSPACE")
