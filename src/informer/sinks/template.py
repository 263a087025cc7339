"""A body by a template of yours: names from strangers are escaped, and it is tried at the start."""

from collections.abc import Mapping
from typing import Any

import jinja2
import orjson
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup, escape

MOST_BYTES = 1 << 20  # of a body
# Every key that a notice has, so that a template is tried with what it will meet.
EXAMPLE: dict[str, Any] = {
    "id": "0a1b2c3d4e-1", "sequence": 1, "state": "firing", "severity": "high",
    "former_severity": None, "made_ns": 1_780_272_000_000_000_000,
    "made": "2026-06-01T00:00:00.000+00:00", "calls": "shop > cart GET /cart",
    "incident": {
        "id": "0a1b2c3d4e", "title": "Far more calls: \"shop\" > cart GET /cart", "kind": "volume",
        "severity": "high", "verdict": "open", "score": 9.5,
        "opened_ns": 1_780_271_940_000_000_000, "resolved_ns": None, "patterns": [],
        "rpcs": [
            {"caller": "shop", "callee": "cart", "method": "GET /cart", "share": 1.0,
             "observed": 90.0, "expected": 9.0, "window_s": 300.0}
        ],
        "examples": ["5b8efff798038103d269b633813fc60c"],
    },
}  # fmt: skip


class Template:
    """Makes bodies of one content type."""

    def __init__(self, text: str, content_type: str) -> None:
        """Errors: ValueError for a template that is none, or fails with EXAMPLE."""
        self._is_json = content_type.partition(";")[0].endswith("json")
        is_markup = content_type.partition(";")[0].endswith(("html", "xml"))
        shown = _in_json if self._is_json else (_in_markup if is_markup else None)
        environment = ImmutableSandboxedEnvironment(
            undefined=jinja2.StrictUndefined, finalize=shown, keep_trailing_newline=True
        )
        try:
            self._template = environment.from_string(text)
        except jinja2.TemplateError as error:
            raise ValueError(f"is no template: {error}") from None
        over = EXAMPLE["incident"] | {"resolved_ns": EXAMPLE["made_ns"]}
        for values in (EXAMPLE, EXAMPLE | {"state": "resolved", "incident": over}):
            self.body(values)

    def body(self, values: Mapping[str, Any]) -> bytes:
        """The body for the values of a notice. Errors: ValueError when it makes none of use."""
        try:
            body = self._template.render(values).encode()
        except (jinja2.TemplateError, ArithmeticError, LookupError, TypeError) as error:
            raise ValueError(f"fails: {type(error).__name__}: {error}") from None
        if len(body) > MOST_BYTES:
            raise ValueError(f"may make {MOST_BYTES} bytes, made {len(body)}")
        if self._is_json:
            try:
                orjson.loads(body)
            except orjson.JSONDecodeError as error:
                raise ValueError(f"must make JSON: {error}") from None
        return body


def _in_json(value: object) -> object:
    """Texts as inside the quotes of a JSON string; all else as JSON. `| tojson` stays as it is."""
    if isinstance(value, Markup | jinja2.Undefined):
        return value
    made = orjson.dumps(value).decode()
    return made[1:-1] if isinstance(value, str) else made


def _in_markup(value: object) -> object:
    return value if isinstance(value, jinja2.Undefined) else escape(value)
