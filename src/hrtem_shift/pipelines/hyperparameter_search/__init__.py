"""Search for a recipe on validation patches, and what the best one is worth on tests."""
