"""What it takes to load a service: messages made beforehand, and a sender that keeps a rate."""
