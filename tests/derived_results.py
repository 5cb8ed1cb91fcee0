"""Tables of an imaging study, computed anew by its kept results alone."""

from functools import cache

from hrtem_shift.catalog.results import read_results
from hrtem_shift.pipelines.imaging.nodes import decide_claims, relate_to_shift
from hrtem_shift.pipelines.imaging.parameters import ImagingStudy
from hrtem_shift.pipelines.simulation.parameters import Simulation

RELATION = ("cells", "relation", "verdict", "summary")
CLAIMS = ("transfer_claims", "predictions", "losses", "distances")


@cache
def derived_tables(folder):
    """Table by name; none where the study is no imaging study."""
    results = read_results(folder)
    parameters, kept = results.about["parameters"], results.tables
    if "template" not in parameters[folder.name]:
        return {}
    study = ImagingStudy.model_validate(parameters[folder.name])
    simulation = Simulation.model_validate(parameters["simulation"])
    scores, data_sets = kept["scores"], kept["data_sets"]
    relation = relate_to_shift(scores, data_sets, study, simulation)
    images = (kept["inventory"], kept["mixtures"])
    claims = decide_claims(scores, data_sets, *images, study, simulation)
    return dict(zip((*RELATION, *CLAIMS), (*relation, *claims), strict=True))
