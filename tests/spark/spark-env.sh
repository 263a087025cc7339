# What Spark starts is not measured: it runs out of a zip, which coverage cannot show.
unset COVERAGE_PROCESS_CONFIG
