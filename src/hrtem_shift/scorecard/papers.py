"""All papers whose claims are on the scorecard, and all claims."""

from __future__ import annotations

from hrtem_shift.scorecard import (
    batch_statistics_paper,
    contrast_transfer_paper,
    generalization_noise,
    synthetic_data_paper,
)

PAPERS = (
    generalization_noise.PAPER,
    synthetic_data_paper.PAPER,
    contrast_transfer_paper.PAPER,
    batch_statistics_paper.PAPER,
)
CLAIMS = tuple(claim for paper in PAPERS for claim in paper.claims)
