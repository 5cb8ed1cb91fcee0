"""Will these networks work on this image? Verdict, expected Dice, and the evidence for both."""
