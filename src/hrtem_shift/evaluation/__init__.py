"""Evaluation: Dice, counts, and the tables that a study is made of."""
