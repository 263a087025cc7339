"""Settings of the sinks: where incidents are told while `serve` runs."""

import re
from dataclasses import dataclass, field
from typing import Any

from informer.config.rules import setting


def _is_url(value: str) -> bool:
    return value == "" or re.fullmatch(r"https?://[^/\s?#]+(/[^\s?#]*)?", value) is not None


def _is_time_out(value: float) -> bool:
    return 0 < value <= 300


@dataclass(frozen=True, slots=True)
class AlertmanagerSettings:
    """`[alertmanager]`: incidents as alerts in Prometheus' Alertmanager while `serve` runs."""

    url: str = setting(
        "",
        "Where Alertmanager is, without /api/v2/alerts; empty = nobody is told.",
        "must be empty or http:// or https:// with a host, without a query",
        _is_url,
        is_secret=True,
    )
    token_file: str = setting("", "A file with the bearer token to show; empty = none.")
    timeout_s: float = setting(
        10.0, "A try is cut off after so long.", "must be above 0 and at most 300", _is_time_out
    )
    refresh_s: int = setting(
        60,
        "Alerts of open incidents are sent again so often; they lapse after four times as long.",
        "must be 10 to 3600",
        lambda v: 10 <= v <= 3_600,
    )


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """`[webhook]`: incidents posted to an address of yours or to a chat while `serve` runs."""

    url: str = setting(
        "",
        "Where they are posted; empty = nowhere, unless `url_file` says where.",
        "must be empty or http:// or https:// with a host, without a query",
        _is_url,
        is_secret=True,
    )
    url_file: str = setting(
        "", "A file with the address, for addresses that are secret as those of chats are."
    )
    form: str = setting(
        "json",
        "`json` is the whole incident, `cloudevents` the same as a CloudEvent, `slack` a message "
        "for Slack and what reads its form, `template` what `template_file` says.",
        "must be json, cloudevents, slack or template",
        lambda v: v in ("json", "cloudevents", "slack", "template"),
    )
    template_file: str = setting("", "A file with a Jinja template of the body, for `template`.")
    content_type: str = setting(
        "application/json",
        "What a template makes; names are escaped for JSON, HTML or XML.",
        "must be a media type",
        lambda v: re.fullmatch(r"[a-z]+/[a-z0-9.+-]+(; ?charset=utf-8)?", v) is not None,
    )
    secret_file: str = setting(
        "", "A file with the key that signs what is posted (HMAC-SHA256); empty = not signed."
    )
    token_file: str = setting("", "A file with the bearer token to show; empty = none.")
    timeout_s: float = setting(
        10.0, "A try is cut off after so long.", "must be above 0 and at most 300", _is_time_out
    )


def _is_name(value: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9_-]{1,40}", value) is not None


def named_sections(section: str, made: Any) -> Any:
    """`[webhooks.NAME]` and alike: every name has the keys of one such section."""
    return field(
        default_factory=dict,
        metadata={"each": made, "section": section, "is_name": _is_name},
    )
