"""The imaging study: does the distance of two conditions predict what networks lose?"""
