"""Scorecard: the claims of papers, decided by whatever studies were run; and the index."""
