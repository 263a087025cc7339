"""Which unit a time is in. The plausible ranges of s, ms, µs and ns do not overlap."""

UNITS_NS = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}
WORDS = {"ns": "nanoseconds", "us": "microseconds", "ms": "milliseconds", "s": "seconds"}
YEAR_1990_S = 631_152_000
YEAR_2100_S = 4_102_444_800


def guessed_unit(first: float, last: float, unit: str) -> str:
    """The unit in which times from `first` to `last` lie between 1990 and 2100.

    `unit` when they do in it, or when they do in none: a synthetic clock may begin at zero.

    >>> guessed_unit(1674981768697, 1674981769015, "ns")
    'ms'
    >>> guessed_unit(0, 60_000_000_000, "ns")
    'ns'
    """
    for guess in (unit, *UNITS_NS):
        in_s = UNITS_NS[guess] / UNITS_NS["s"]
        if first * in_s >= YEAR_1990_S and last * in_s <= YEAR_2100_S:
            return guess
    return unit
