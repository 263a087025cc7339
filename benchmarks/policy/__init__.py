"""What the measurements of policies share: worlds, and what a policy made of them."""
