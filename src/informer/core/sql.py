"""Reads the `.sql` files that lie beside the stages."""

from functools import cache
from importlib import resources


@cache
def read_sql(package: str, name: str) -> str:
    """The text of `name.sql` in a stage package such as `informer.traffic`."""
    return (resources.files(package) / f"{name}.sql").read_text(encoding="utf-8")
