"""Durations in words."""


def lasting(seconds: float) -> str:
    """A duration in its two largest units.

    >>> lasting(2400), lasting(7800), lasting(432000), lasting(45)
    ('40 min', '2 h 10 min', '5 days', '45 s')
    """
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"
    days, hours = divmod(round(minutes / 60), 24)
    return f"{days} {'day' if days == 1 else 'days'}" + (f" {hours} h" if hours else "")
