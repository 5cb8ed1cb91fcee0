"""Claims of papers, the statistic that decides each, and the verdict of a study's tables."""
