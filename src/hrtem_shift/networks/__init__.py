"""Networks: the residual U-Net of the field and the files that hold its weights."""
