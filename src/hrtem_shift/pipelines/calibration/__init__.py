"""Calibration: fit unknown imaging conditions to statistics of real micrographs."""
