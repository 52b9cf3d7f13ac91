"""What MLflow shows first of an experiment: its note, and a shared view with the table of runs and the charts that matter.

The UI reads a view from the tag `mlflow.sharedViewState.NAME` of the experiment, as JSON, if its address says `viewStateShareKey=NAME`.
"""

import contextlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from fedrec.evaluation.degradation import DEGRADATION
from fedrec.tracking.mlflow.notes import NOTE, experiment_note, is_ours
from fedrec.tracking.mlflow.reported import TOTAL, metric_name
from fedrec.tracking.mlflow.user_interface import VIEW

_TAG = f"mlflow.sharedViewState.{VIEW}"
_OURS = {"writtenBy": "fedrec"}  # MLflow ignores it; a view without it belongs to somebody else
_NARROW = {"attributes.`Run Name`": 190, "runDateAndNestInfo": 132}  # pixels; the second is the column Created
_WIDTHS = {"attack": 85, "defense": 85, "model": 55, "dataset": 77}  # so that all columns fit a window of 1400 pixels
_SEED_WIDTH, _METRIC_WIDTH = 50, 85
_SECTIONS = (
    "best",
    "near_best",
    "validation",
    "peak",
    "final",
    DEGRADATION,
    "seconds",
    "Model metrics",
)  # that MLflow makes for the names of metrics


def describe_experiment(client: MlflowClient, experiment: str, about: Mapping[str, str]) -> None:
    """Write note and view of an experiment unless they are there or somebody else's. `about` tells the metrics of exposure and quality.

    It never fails: a store that does not take them may still take runs.
    """
    with contextlib.suppress(MlflowException):
        there, (exposure, quality) = client.get_experiment(experiment).tags, (about["exposure"], about["quality"])
        note = experiment_note(exposure, quality)
        view = json.dumps(shared_view(metric_name(exposure), metric_name(quality)))
        if is_ours(there.get(NOTE)) and there.get(NOTE) != note:
            client.set_experiment_tag(experiment, NOTE, note)
        if there.get(_TAG) != view and _is_our_view(there.get(_TAG)):
            client.set_experiment_tag(experiment, _TAG, view)


def shared_view(exposure: str, quality: str) -> dict[str, Any]:
    """Return the state of MLflow's page of runs. The arguments are names of metrics in MLflow."""
    metrics = [f"best/{exposure}", f"near_best/{exposure}", f"final/{exposure}", f"best/{quality}", f"{DEGRADATION}/{quality}", TOTAL]
    widths = {f"tags.`{tag}`": width for tag, width in _WIDTHS.items()} | {"params.`seed`": _SEED_WIDTH}
    widths |= {f"metrics.`{metric}`": _METRIC_WIDTH for metric in metrics}
    charts = [_line(exposure, "over-rounds", 1), _line(quality, "over-rounds", 2)]
    charts += [_bars(f"{rule}/{exposure}", "side-by-side", number) for number, rule in enumerate(("best", "near_best"), 3)]
    charts += [_bars(f"best/{quality}", "side-by-side", 5)]
    titles = {"over-rounds": "Over the rounds", "side-by-side": "Runs side by side"}
    sections = [_section(key, title, 2, True) for key, title in titles.items()]
    sections += [_section(name.replace(" ", "-"), name, 3, False) for name in _SECTIONS]
    table = {"selectedColumns": list(widths), "columnOrder": [*_NARROW, *widths], "columnWidths": _NARROW | widths}
    page = {"compareRunCharts": charts, "compareRunSections": sections, "isAccordionReordered": True}  # MLflow would sort the sections
    order = {
        "orderByKey": "attributes.`Created`",
        "orderByAsc": False,
    }  # under its own name of this column MLflow folds runs below their parents
    return {**_OURS, **table, **page, **order}


def _section(key: str, name: str, columns: int, is_open: bool) -> dict[str, Any]:
    state = {"display": is_open, "isReordered": False, "deleted": False, "isGenerated": not is_open}
    return {"uuid": f"fedrec-{key}", "name": name, "columns": columns, "cardHeight": 360, **state}


def _chart(kind: str, metrics: Sequence[str], section: str, number: int) -> dict[str, Any]:
    named = {"metricKey": metrics[0], "selectedMetricKeys": list(metrics), "displayName": metrics[0].replace("_at_", "@").replace("/", " ")}
    state = {"deleted": False, "isGenerated": False, "runsCountToCompare": 20}
    return {"type": kind, "uuid": f"fedrec-{number}", "metricSectionId": f"fedrec-{section}", **named, **state}


def _line(metric: str, section: str, number: int) -> dict[str, Any]:
    axes = {"xAxisKey": "step", "selectedXAxisMetricKey": "", "xAxisScaleType": "linear", "scaleType": "linear", "range": {}}
    shown = {"lineSmoothness": 0, "yAxisKey": "metric", "yAxisExpressions": [], "ignoreOutliers": False}
    return {**_chart("LINE", [metric], section, number), **axes, **shown, "useGlobalXaxisKey": True, "useGlobalLineSmoothing": True}


def _bars(metric: str, section: str, number: int) -> dict[str, Any]:
    return _chart("BAR", [metric], section, number)


def _is_our_view(view: str | None) -> bool:
    if view is None:
        return True
    try:
        return bool(_OURS.items() <= json.loads(view).items())
    except (ValueError, AttributeError):  # MLflow compresses what it saves itself
        return False
