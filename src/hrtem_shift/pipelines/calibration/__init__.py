"""Calibration: what no table of physics says is fitted to statistics of real micrographs."""
