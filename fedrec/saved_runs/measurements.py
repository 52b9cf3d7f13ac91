"""What a run measured, as columns: a row for each evaluation, and a row for each target item."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from fedrec.evaluation.epoch_selection import EVALUATIONS, select
from fedrec.evaluation.evaluator import Evaluator
from fedrec.evaluation.who_counts import exposure_counts
from fedrec.interfaces import Evaluation, RunInfo

if TYPE_CHECKING:
    from fedrec.tracking.parquet_columns import Columns


def metric_columns(evaluations: Sequence[Evaluation]) -> "Columns":
    """Return round, epoch and a column for each metric; NaN where an evaluation lacks it."""
    names = dict.fromkeys(name for one in evaluations for name in one.metrics)
    steps = {name: np.array([getattr(one, name) for one in evaluations], np.int64) for name in ("round", "epoch")}
    return steps | {name: np.array([one.metrics.get(name, np.nan) for one in evaluations], np.float64) for name in names}


def evaluations_of(columns: "Columns") -> list[Evaluation]:
    """Return the evaluations that `metric_columns` made columns of, without the exposures of single targets.

    Raises KeyError if a column lacks.
    """
    steps = zip(columns["round"].tolist(), columns["epoch"].tolist(), strict=True)
    measured = {name: values.tolist() for name, values in columns.items() if name not in ("round", "epoch")}
    rows = [{name: values[row] for name, values in measured.items()} for row in range(len(columns["round"]))]
    return [Evaluation(*step, {name: one for name, one in row.items() if one == one}) for step, row in zip(steps, rows, strict=True)]


def exposure_columns(info: RunInfo, evaluations: Sequence[Evaluation], evaluator: Evaluator) -> "Columns":
    """Return what is known of each target item, over how many users its exposure is the mean, and ER@K by each rule that reports.

    `seen_by@K` is how many of these users see it in the end. Without ER there is no exposure.
    """
    targets = np.array(info.target_items, np.int64)
    ids = {"item": info.item_ids[targets], **({} if info.item_titles is None else {"title": info.item_titles[targets]})}
    facts = {"popularity_rank": info.popularity_ranks.numpy()[targets], "interactions": info.popularity.numpy()[targets]}
    users = np.array(exposure_counts(evaluator.blocks), np.int64)
    exposures = _exposures(evaluations, evaluator)
    final = {name: np.nan_to_num(values) for name, values in exposures.items() if name.startswith("final/")}
    seen = {name.replace("final/ER", "seen_by"): np.rint(values * users).astype(np.int64) for name, values in final.items()}
    return {**ids, **facts, "users": users, **seen, **exposures}


def _exposures(evaluations: Sequence[Evaluation], evaluator: Evaluator) -> "Columns":
    """Return `RULE/ER@K` of each target item, at the epochs that each rule reports for the whole run; NaN if no user counts."""
    numbers = range(len(evaluator.targets))
    names = evaluations[-1].exposures if evaluations else ()
    told = [replace(one, metrics={**one.metrics, **_by_target(one)}) for one in evaluations]
    reported = {rule: metrics for rule, metrics in select(told, evaluator.selection, evaluator.exposed_above).items() if metrics}
    return {
        f"{rule}/{name}": np.array([reported[rule].get(f"{name} {number}", np.nan) for number in numbers], np.float64)
        for rule in EVALUATIONS
        if rule in reported
        for name in names
    }


def _by_target(evaluation: Evaluation) -> dict[str, float]:
    """Return `ER@K T`, the exposure of target item T, as if it were a metric; not of a target that no user counts for."""
    return {
        f"{name} {number}": value
        for name, values in evaluation.exposures.items()
        for number, value in enumerate(values)
        if value is not None
    }
