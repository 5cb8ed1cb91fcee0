"""Training: recipe, augmentation, loop, and the executors that run many of them."""
