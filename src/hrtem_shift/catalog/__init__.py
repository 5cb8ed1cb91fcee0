"""Datasets of the catalog: files saved atomically, and stores that nodes fill bit by bit."""
