"""From a user's image to particles with sizes, and to a word on whether to believe them."""
