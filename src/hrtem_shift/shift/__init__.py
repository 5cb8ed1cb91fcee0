"""Distribution shift between imaging conditions, from their contrast transfer functions."""
