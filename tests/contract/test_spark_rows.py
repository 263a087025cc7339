"""What came home from Spark is let go of there."""

import time

from three_engines import needed, opened

PARTS, SIZE = 24, 4 << 20
LARGE = f"select id, repeat('x', {SIZE}) as text from numbers"
SOON_S = 20  # Spark clears up beside its work


def test_rows_that_came_home_do_not_stay_in_the_driver() -> None:
    needed("spark")
    from informer.engines.spark import SparkEngine

    with opened("spark") as spark:
        assert isinstance(spark, SparkEngine)
        numbers = spark._spark.range(0, PARTS, 1, PARTS)
        numbers.createOrReplaceTempView("numbers")
        most = held_by_java(spark) + PARTS * SIZE // 2
        came = [(number, len(text)) for number, text in spark.rows(LARGE)]
        assert came == [(number, SIZE) for number in range(PARTS)]
        until = time.monotonic() + SOON_S
        while (held := held_by_java(spark)) > most and time.monotonic() < until:
            time.sleep(1)
        assert held <= most


def held_by_java(spark: object) -> int:
    """Bytes that the driver does not let go of."""
    # PySpark has no public way to Java's memory, and an object has none to PySpark's session.
    java = spark._spark.sparkContext._jvm.java.lang  # type: ignore[attr-defined]
    java.System.gc()
    running = java.Runtime.getRuntime()
    return int(running.totalMemory() - running.freeMemory())
