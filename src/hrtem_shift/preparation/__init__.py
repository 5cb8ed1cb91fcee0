"""From micrographs to what networks are trained on: rescaling, patches, folds, patch sets."""
