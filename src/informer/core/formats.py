"""The formats that spans can come in, by the names that `--format` takes."""

FORMATS = ("otlp", "jaeger", "zipkin", "skywalking", "envoy", "istio", "table")
