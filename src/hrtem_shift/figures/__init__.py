"""Figures and HTML pages made from tables; nothing is shown or saved."""
