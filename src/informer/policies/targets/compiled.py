"""What a target gives: files, and in which respects they ask less than the rules do, or more."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from textwrap import wrap

from informer.policies.write import quoted

WIDTH = 96
MOST_NAMES = 3  # of a list that is told in brief
# What servers do not agree about passes nowhere: on purpose, and said.
SEMICOLON = "A `{place}` of a path takes no `;`: some servers read `..;` as `..`."
ESCAPED_SLASH = (
    "A path with `%2F` or `%5C` is refused with 400: some servers read these as slashes."
)


@dataclass(frozen=True, slots=True)
class Compiled:
    """Files by their names, and every respect in which they let pass what the rules would not.

    `stricter`: where they refuse what the rules would let pass; `before`: what to look at first.
    """

    files: Mapping[str, str]
    weakened: tuple[str, ...]
    stricter: tuple[str, ...] = ()
    before: tuple[str, ...] = ()


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


def brief(line: str) -> str:
    """A line of `Weakenings.lines`, with the first few of its names.

    >>> brief("not limited, by rule: a, b, c, d, e, f")
    'not limited, by rule: a, b, c and 3 more'
    """
    what, _, names = line.rpartition(": ")
    each = names.split(", ")
    if not what or len(each) <= MOST_NAMES + 1:
        return line
    return f"{what}: {', '.join(each[:MOST_NAMES])} and {len(each) - MOST_NAMES} more"


def head(
    first: str,
    weakened: tuple[str, ...],
    *further: str,
    stricter: tuple[str, ...] = (),
    before: tuple[str, ...] = (),
) -> str:
    """Comments for the top of a file: what it is, and in what it differs from the rules."""
    lines = [line for text in (first, *further) for line in wrap(text, WIDTH)]
    if before:
        lines += ["Before you apply it:", *_listed(before)]
    lines.append("Weaker than the rules in this:" if weakened else "No weaker than the rules.")
    lines += _listed(weakened)
    if stricter:
        lines += ["Stricter than the rules in this:", *_listed(stricter)]
    return "".join(f"# {line}\n" for line in lines)


def _listed(texts: tuple[str, ...]) -> list[str]:
    return [
        line
        for text in texts
        for line in wrap(text, WIDTH, initial_indent="- ", subsequent_indent="  ")
    ]
