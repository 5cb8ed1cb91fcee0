"""Curation: what a simulated database must hold, factor by factor."""
