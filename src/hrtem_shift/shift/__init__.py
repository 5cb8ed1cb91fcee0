"""Shift: what a contrast transfer function passes, and how far apart two conditions are."""
