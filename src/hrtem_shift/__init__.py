"""hrtem-shift: does a segmentation network still work when the HRTEM experiment changes?"""

__version__ = "0.1.0"
