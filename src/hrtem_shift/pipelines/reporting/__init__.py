"""Reporting: examples of what a network sees, and one page that answers the question."""
