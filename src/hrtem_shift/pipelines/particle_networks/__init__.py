"""Networks for particles of any kind, trained on drawn scenes and simulated lattice images."""
