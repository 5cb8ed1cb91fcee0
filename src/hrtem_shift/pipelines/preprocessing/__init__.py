"""An inventory of micrographs to patch sets with folds."""
