"""Evaluation: every network on the test sets of its study, and the tables that come of it."""
