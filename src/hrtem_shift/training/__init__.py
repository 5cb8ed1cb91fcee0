"""Training: recipe, augmentation and the loop that fits a network."""
