"""Plain data as YAML that versions 1.1 and 1.2 read alike."""

import re
from collections.abc import Iterable
from typing import Any

from informer.core.errors import InformerError

PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./@-]*")
# Words that one version or the other takes for something else than a text.
WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


def yaml_text(documents: Iterable[Any]) -> str:
    """One document after the other. Errors: InformerError when PyYAML is not installed."""
    try:
        import yaml
    except ModuleNotFoundError as error:
        raise InformerError(
            "this target needs what `pip install 'rpc-informer[policy]'` brings, yaml is missing"
        ) from error

    class Dumper(yaml.SafeDumper):
        """Texts that could be taken for something else stand in quotes; nothing is an alias."""

        def ignore_aliases(self, data: object) -> bool:
            return True

        def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
            super().increase_indent(flow, False)

    def text(dumper: yaml.SafeDumper, data: str) -> yaml.ScalarNode:
        plain = PLAIN.fullmatch(data) and data.lower() not in WORDS
        return dumper.represent_scalar("tag:yaml.org,2002:str", data, style=None if plain else '"')

    Dumper.add_representer(str, text)
    written: str = yaml.dump_all(
        documents, Dumper=Dumper, sort_keys=False, width=10**9, explicit_start=True
    )
    return written
