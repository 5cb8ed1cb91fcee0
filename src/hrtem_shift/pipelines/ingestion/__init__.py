"""Micrograph folders, own or simulated, to one checked inventory."""
