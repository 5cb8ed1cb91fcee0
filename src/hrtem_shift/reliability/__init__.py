"""Will these networks work on this image? Expected Dice, verdict, and the evidence for both."""
