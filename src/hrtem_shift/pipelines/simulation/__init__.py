"""Simulation: scenes, exit waves, and micrographs with masks, written like any user's folder."""
