"""What a target gives: files, and in which respects they ask less than the rules do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from textwrap import wrap

from informer.policies.write import quoted

WIDTH = 96


@dataclass(frozen=True, slots=True)
class Compiled:
    """Files by their names, and every respect in which they let pass what the rules would not."""

    files: Mapping[str, str]
    weakened: tuple[str, ...]


@dataclass(slots=True)
class Weakenings:
    """Respects in which a target is weaker, and of which rules or services: said once each."""

    _of: dict[str, dict[str, None]] = field(default_factory=dict)

    def add(self, what: str, *of: str) -> None:
        """`what` holds for these rules, services or rpcs."""
        self._of.setdefault(what, {}).update(dict.fromkeys(of))

    def include(self, other: "Weakenings") -> None:
        """All that is said elsewhere as well."""
        for what, of in other._of.items():
            self.add(what, *of)

    def lines(self) -> tuple[str, ...]:
        """One line each, all of the names in it."""
        return tuple(
            f"{what}: {', '.join(map(shown, of))}" if of else what for what, of in self._of.items()
        )


def shown(name: str) -> str:
    """A name as people are told of it: hostile ones in quotes."""
    plain = name.isascii() and name.replace("-", "").replace("_", "").replace(".", "").isalnum()
    return name if plain else quoted(name)


def head(first: str, weakened: tuple[str, ...], *further: str) -> str:
    """Comments for the top of a file: what it is, and in what it is weaker than the rules."""
    said = [first, *further]
    said.append("Weaker than the rules in this:" if weakened else "As strict as the rules.")
    lines = [line for text in said for line in wrap(text, WIDTH)]
    for text in weakened:
        lines += wrap(text, WIDTH, initial_indent="- ", subsequent_indent="  ")
    return "".join(f"# {line}\n" for line in lines)
