"""Content of HyperSpy files, for writers of other programs."""

from __future__ import annotations

from typing import Any

import numpy as np


def signal(pixels: np.ndarray) -> dict[str, Any]:
    """What rosettasciio's writers take; axes are named from the last one."""
    axes = [
        {"name": name, "size": size, "units": "nm", "scale": 0.02, "offset": 0.0, "navigate": False}
        | {"index_in_array": k, "_type": "UniformDataAxis"}
        for k, (name, size) in enumerate(zip("nmyx"[-pixels.ndim :], pixels.shape, strict=True))
    ]
    tem = {"beam_energy": 300.0, "magnification": 3.3e5, "Camera": {"exposure": 0.4}}
    return {
        "data": pixels,
        "axes": axes,
        "metadata": {
            "General": {"title": "a"},
            "Signal": {"signal_type": ""},
            "Acquisition_instrument": {"TEM": tem},
        },
        "original_metadata": {},
        "tmp_parameters": {},
        "learning_results": {},
        "models": {},
        "package_info": {"package": "hyperspy", "package_version": "2.3"},
        "attributes": {"_lazy": False, "ragged": False},
    }
