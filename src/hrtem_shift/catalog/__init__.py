"""Datasets of the catalog that are the project's own: stores that fill up bit by bit."""
