"""Settings of what `serve` keeps, and for how long."""

from dataclasses import dataclass

from informer.config.rules import setting

LEAST_TRAFFIC_DAYS = 28  # four weeks: forecasts stand on them


def _days(default: int, means: str, least: int = 1) -> int:
    kept: int = setting(
        default,
        f"{means}; 0 = for ever.",
        f"must be 0 or {least} to 36500",
        lambda v: v == 0 or least <= v <= 36_500,
    )
    return kept


@dataclass(frozen=True, slots=True)
class RetentionSettings:
    """`[retention]`: how much `serve` keeps of what nobody needs any more."""

    traffic_days: int = _days(
        120, "Traffic, versions and irregular steps, before the last step", LEAST_TRAFFIC_DAYS
    )
    forecasts_days: int = _days(30, "Forecasts and detections, before the last step")
    incidents_days: int = _days(
        365, "Incidents that are over, no shorter than the traffic that they bar from teaching"
    )
    notices_days: int = _days(30, "Notices that reached every sink, and their deliveries")
    audit_days: int = _days(730, "Decisions in the audit log")
    model_versions: int = setting(
        30,
        "Versions of each pattern's model, the newest; those in force stay besides, and those that "
        "accepts or the cap on drift stand on. 0 = all.",
        "must be 0 or 2 to 36500",
        lambda v: v == 0 or 2 <= v <= 36_500,
    )
