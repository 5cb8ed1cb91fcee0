"""Micrographs drawn by mass-thickness contrast: no atoms, no waves, any magnification."""
