"""From atoms to counts: electrons, scattering, multislice, image formation, detector."""
