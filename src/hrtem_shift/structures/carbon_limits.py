"""What amorphous carbon can be: limits of its density and of its shortest distance."""

DENSEST_PACKING = 0.34
"""Volume fraction that insertion of spheres reaches in reasonable time; it jams at 0.384."""
DIAMOND_PER_NM3 = 176.0
LONGEST_MINIMUM_NM = 0.142
"""Bonds of graphite: a larger minimum distance would forbid a network its first shell."""
