"""The web console: what the service watches as pages for people, who decide on them."""
