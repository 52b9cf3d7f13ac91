"""Pictures of a study, drawn by Optuna: history, importance of the parameters, slices, contours, Pareto front."""

import logging
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from optuna import Study

log = logging.getLogger(__name__)


def draw(study: Study, names: Sequence[str], folder: Path) -> None:
    """Write PNG files into `folder`, those for which there are enough trials and parameters. `names` are of the study's values."""
    import matplotlib

    matplotlib.use("Agg")
    from optuna.visualization import matplotlib as plots

    for number, name in enumerate(names):
        of_one: dict[str, Any] = {"target": lambda trial, number=number: trial.values[number]} if len(names) > 1 else {}
        suffix = f"_{name}" if len(names) > 1 else ""
        for picture, plot in (
            ("history", plots.plot_optimization_history),
            ("importance", plots.plot_param_importances),
            ("slice", plots.plot_slice),
            ("contour", plots.plot_contour),
        ):
            _save(folder / f"{picture}{suffix}.png", partial(plot, study, target_name=name, **of_one))
    if len(names) > 1:
        _save(folder / "pareto.png", partial(plots.plot_pareto_front, study, target_names=list(names)))


def _save(path: Path, plot: Callable[[], Any]) -> None:
    from matplotlib import pyplot

    try:
        with pyplot.rc_context(), warnings.catch_warnings():  # Optuna sets a style for the whole process
            warnings.simplefilter("ignore")  # Optuna warns that the interface is experimental, and that pruned trials have no value
            axes = plot()
        several = np.atleast_2d(axes)
        figure = several.flat[0].figure
        if several.size > 1:
            figure.set_size_inches(3.5 * several.shape[1] + 1, 3 * several.shape[0] + 0.5)
        figure.savefig(path, dpi=90, bbox_inches="tight")
    except (ValueError, RuntimeError) as error:  # there is too little to draw
        log.info(f"no picture {path.name}: {str(error).splitlines()[0]}")
    finally:
        pyplot.close("all")
