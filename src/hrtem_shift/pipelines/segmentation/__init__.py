"""Segmentation: a user's images, measured by a network package."""
