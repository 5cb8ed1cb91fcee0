"""Segment a user's images: particles, their sizes, and a verdict on each image."""
