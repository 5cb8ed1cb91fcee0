"""Atoms: crystals, amorphous carbon, and the scenes that a microscope looks at."""
