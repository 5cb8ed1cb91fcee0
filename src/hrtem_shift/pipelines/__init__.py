"""Kedro pipelines: what is done in which order; how it is done stands in the other rooms."""
