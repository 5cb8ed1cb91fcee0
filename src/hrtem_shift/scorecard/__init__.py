"""Claims of papers, the statistic that decides each, and the verdict of our tables on it."""
