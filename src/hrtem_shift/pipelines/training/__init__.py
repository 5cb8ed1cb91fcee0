"""Training: a plan with a row for each network, and the networks."""
