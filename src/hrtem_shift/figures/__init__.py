"""Figures and the report: tables go in, a figure or a page comes out, nothing is shown or saved."""
