"""The service: takes spans all the time, closes steps, tells incidents."""
