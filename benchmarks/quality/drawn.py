"""An event as it is drawn, and as it is written: an `[[event]]` of a scenario file."""

import json
from dataclasses import dataclass, field

from informer.core.types import Json


@dataclass(frozen=True, slots=True)
class Drawn:
    """Something that happens from a minute after training on; `keys` are those of its kind."""

    kind: str
    first: int
    minutes: int
    keys: Json = field(default_factory=dict)

    @property
    def last(self) -> int:
        """The minute that it is over."""
        return self.first + self.minutes

    def meets(self, first: int, last: int) -> bool:
        """Whether it is under way between two minutes."""
        return self.first < last and first < self.last

    def written(self, name: str) -> Json:
        """Keys and values of the `[[event]]`."""
        days, minute = divmod(self.first, 1440)
        at = f"{days}d {minute // 60:02}:{minute % 60:02}"
        return {"id": name, "kind": self.kind, "at": at, "minutes": self.minutes} | self.keys


def named(events: list[Drawn], letter: str) -> list[Json]:
    """Events in order of time, counted."""
    inorder = sorted(events, key=lambda e: (e.first, e.minutes, e.kind))
    return [event.written(f"{letter}{n}") for n, event in enumerate(inorder, 1)]


def toml(given: Json) -> str:
    """A scenario of plain values, sections and a list of events. JSON's values are TOML's."""
    sections = {name: value for name, value in given.items() if isinstance(value, dict)}
    events = given["event"]
    plain = {name: value for name, value in given.items() if name not in (*sections, "event")}
    parts = [_lines(plain | ({} if events else {"event": []}))]
    parts += [f"[{name}]\n{_lines(values)}" for name, values in sections.items()]
    parts += [f"[[event]]\n{_lines(event)}" for event in events]
    return "\n".join(parts)


def _lines(values: Json) -> str:
    return "".join(f"{k} = {json.dumps(v, ensure_ascii=False)}\n" for k, v in values.items())
