"""Options that several commands of `informer policy` share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

TARGETS = ("rules", "kubernetes", "istio", "cilium", "envoy", "grpc")
FILE = click.Path(dir_okay=False, path_type=Path)

Command = Callable[..., Any]


def margin_options(command: Command) -> Command:
    """How generous rate limits are."""
    for option in (
        click.option(
            "--headroom",
            type=click.FloatRange(1, 100),
            default=1.4,
            show_default=True,
            help="Limits: how many times the learned traffic may come for good.",
        ),
        click.option(
            "--quantile",
            type=click.FloatRange(0.5, 1, max_open=True),
            default=0.99,
            show_default=True,
            help="Limits: the share of clean days on which none is reached.",
        ),
    ):
        command = option(command)
    return command


def target_options(command: Command) -> Command:
    """Who enforces, and where services run."""
    for option in (
        click.option("--label", help="The label that holds a workload's name. [default: app]"),
        click.option("--namespace", help="Where workloads run. [default: default]"),
        click.option("--workloads", type=FILE, help="A TOML file that says where services run."),
        click.option(
            "--target",
            type=click.Choice(TARGETS),
            default="rules",
            show_default=True,
            help="Who is to enforce it.",
        ),
    ):
        command = option(command)
    return command


def publish_option(command: Command) -> Command:
    """`-o`: where others read what is in force."""
    return click.option(
        "-o",
        "--output",
        type=click.Path(file_okay=False, path_type=Path),
        help="The folder whose `current` is to lead to the files in force.",
    )(command)
