"""Rules in, files out that others enforce: Kubernetes, Istio, Cilium, Envoy, gRPC."""
