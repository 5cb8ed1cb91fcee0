"""The imaging study: how far apart are two conditions, and does that say what networks lose?"""
