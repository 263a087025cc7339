"""Rules in, decisions out: what is normal, written down as what is allowed."""
