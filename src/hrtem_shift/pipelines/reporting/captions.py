"""Captions of figures and tables of reports, and the limits of what they show."""

from __future__ import annotations

MATRIX = (
    "Rows: training set. Columns: test set. On the diagonal a network is tested on the fold that "
    "it has not seen, elsewhere on the whole other set. Size bias: mean error of the diameters of "
    "detected particles that no border cuts, in whole micrographs."
)
NOISE_CURVES = (
    "Networks trained on patches x → (x + N(0, s)) / √(1 + s²). First: s = ρ, tested on clean "
    "patches. Then the control: tested on patches with the same noise, so that nothing is lost to "
    "a mismatch. Then, where it was run: s drawn from U(0, ρ) for each patch, tested on clean "
    "ones. Last, where it was run: electrons of the training patches thinned, as if the dose had "
    "been lower by that share. Dotted: networks trained on the set that they are tested on."
)
MATCHING = (
    "If noise helped by making one dose look like another, the best ρ would be where contrast or "
    "roughness of the noisy patches meet those of the other dose."
)
MATCHING_TABLE = (
    "ρ at which a statistic of the noisy training patches meets that of a test set, beside the "
    "fixed ρ of the highest Dice, on clean patches and on patches with the same noise."
)
REPAIRS = (
    "Networks with a repair beside those of the same fold and seed without any. Mixed batch norms: "
    "no training, the strength is the share of each test micrograph in their statistics. Noise: in "
    "training, the strength is ρ. Thinning: in training, the strength is the share of electrons "
    "kept. 95 % intervals, paired by fold (corrected resampled t) or, where one fold was trained, "
    "by network (Student), which knows nothing of other training images."
)
GAPS = (
    "Mean hard Dice of networks on their own set and on the others; where sets differ in a "
    "number, beside it the loss against the ratio of the two."
)
FACTORS = (
    "Networks of databases that differ from the reference in one thing, with the same number of "
    "training steps, minus networks of the reference of the same fold and seed. Corrected "
    "resampled t-test over folds; no correction for the number of rows."
)
DATA_SETS = "Medians over micrographs; contrast and roughness of the prepared patches."
INTERVALS = "Intervals: 95 %, folds resampled with all of their networks."
DIFFICULTY = "Mean hard Dice of networks from the other sets, from easy to hard."
ASYMMETRY = "Trained on a and tested on b, minus the reverse; 95 % interval of Welch."
COMPARISONS = (
    "Second minus first, paired by fold; corrected resampled t-test and exact sign flips. No "
    "correction for the number of rows."
)
FOLDS = (
    "One point a network, tested on the fold that it has not seen; the line is the mean over "
    "folds, with its 95 % interval."
)
EXAMPLES = (
    "A network of the pair of sets with the lowest mean Dice (fold 0, without noise), on whole "
    "micrographs. Chosen by rule: worst, median and best hard Dice."
)
PUBLISHED = (
    "Published: experimental micrographs of 5 nm gold, arXiv 2306.11853 and its notebooks; "
    "noise curves are read off a figure (± 0.003) and come from a single network a point."
)
TRENDS_ONLY = (
    " Ours: simulated micrographs, smaller patches, shorter training. Trends are comparable, "
    "levels are not."
)

SIMULATED_LIMITS = (
    "Simulated micrographs of model particles on amorphous carbon; real samples vary more.",
    "Few micrographs, small patches and a short training, chosen so that a laptop ends in "
    "minutes; the published networks saw 250 epochs of 512 px patches.",
)
RECORDED_LIMITS = (
    "Labels are taken as they are; where they err, a perfect network would score below 1.",
    "Data sets may differ by more than what is asked: by day, operator, and sample.",
)
NOISE_LIMITS = (
    "The best ρ of a curve is read off test sets to describe the curve. Nothing was chosen by "
    "it: parameters, epochs and recipes know training and validation patches only.",
    "Networks with noise are tested on patches without noise, as published. Where Dice falls "
    "beyond ρ = 1, part of the fall is that mismatch: the control beside it says how much.",
)
MIXED_LIMITS = (
    "Batch norms are mixed with the tested patches of one micrograph at a time. No label is used, "
    "but patches with hardly any particle are left out of every test, and so of these statistics.",
    "A share of 0.3 was chosen in a trial at the same three doses: what it recovers at them may "
    "be flattered.",
)
LIMITS = (
    "Folds share most of their training data, so intervals over folds are somewhat too narrow.",
    "Standard deviations over folds or seeds of one data set; another set of scenes may differ "
    "by more.",
)
FOLDS_LIMITS = (
    "Folds share most of their training data, so the interval is somewhat too narrow.",
    "The test micrographs come from the same folder: nothing is said of another microscope, dose "
    "or sample.",
    "Labels are taken as they are; where they err, a perfect network would score below 1.",
)
