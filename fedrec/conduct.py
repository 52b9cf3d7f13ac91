"""Conduct an experiment: a checked configuration -> data and parts -> an `Experiment` -> what it leaves."""

import contextlib
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

from fedrec.checkpoints.checkpointing import given
from fedrec.config.build import Checked
from fedrec.config.choices import recorded_choices
from fedrec.config.threads import crowding
from fedrec.config.validation import ConfigError
from fedrec.data.synthetic import Synthetic
from fedrec.data.table.columnar import FRAME
from fedrec.data.table.table import Table
from fedrec.experiment import Experiment
from fedrec.identity.run_identity import RunIdentity, counted_options
from fedrec.interfaces import Callback, Dataset, Ids, RunInfo, Split, WithoutAttack
from fedrec.poisoning.prior_knowledge import reveal
from fedrec.poisoning.targets import choose_targets
from fedrec.randomness import generator
from fedrec.references.made_once import References
from fedrec.references.unattacked import unattacked
from fedrec.resources import choose_device, return_freed_memory, threads_put_back
from fedrec.tracking.results import show_results
from fedrec.tracking.run_progress import Progress

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)


def prepare(checked: Checked, folder: Path, callbacks: Sequence[Callback] | None = None, frame: "pd.DataFrame | None" = None) -> Experiment:
    """Load the data and build every part. `callbacks` take the place of the progress display, and `frame` that of a table's file.

    Raises ValueError if an option does not fit the data, or the checkpoint that `resume` names is not one of this run.
    """
    config = checked.config
    if config.resume not in ("auto", "never"):
        given(config.resume)  # nobody waits for the data to hear that it is not there
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    elif reason := crowding(torch.get_num_threads()):
        log.warning("threads=null starts %d threads, but %s; threads=1 may be many times faster", torch.get_num_threads(), reason)
    device = choose_device(config.device)
    groups = ("tracking", "checkpoint", "dataset", "model", "attack", "defense", "system", "evaluation")
    tracker, checkpoints, dataset, model, attack, defense, system, evaluator = (checked.parts[group].build() for group in groups)
    if frame is not None:
        read_from(dataset, frame)
    if isinstance(dataset, Synthetic):  # its size is known before anything is drawn
        system.require_countable(dataset.n_training)
        evaluator.require_countable(dataset.items)
    split = cast(Dataset, dataset).load(generator(config.seed, "split"))
    user_ids, item_ids = _ids(split.user_ids, split.train.n_users), _ids(split.item_ids, split.train.n_items)
    targets = choose_targets(attack.targets, attack.num_targets, split.train, item_ids, generator(config.seed, "attack/targets"))
    prior = reveal(attack.prior_wanted(), split.train, generator(config.seed, "attack/prior"), device)
    system.setup(split.train, model, attack, defense, targets, config.seed, device, prior)
    evaluator.setup(split, model, targets.tolist(), system, config.seed)
    resolved: Any = OmegaConf.to_container(config, resolve=True)
    run = resolved | {"choices": resolved.get("choices") or recorded_choices()}, folder, system.n_rounds, targets.tolist()
    info = RunInfo(*run, item_ids, split.item_titles, user_ids, **_facts(split), undefined=evaluator.undefined)
    shown: Sequence[Callback] = [Progress()] if callbacks is None else []
    watching = [one for one in (*shown, tracker, *(callbacks or ())) if one]
    where = {"seed": config.seed, "device": device.type, "threads": torch.get_num_threads()}  # `auto` and null would not say it
    checkpoints.setup(RunIdentity(counted_options(config) | where, info.data_checksum, targets.tolist()), device)
    experiment = Experiment(info, system, evaluator, watching, checkpoints, has_frame=frame is not None)
    if (state := checkpoints.find(config.resume)) is not None:
        experiment.load_state_dict(state)
    return_freed_memory()
    return experiment


def read_from(dataset: Any, frame: "pd.DataFrame") -> None:
    """Let dataset=table read a DataFrame. Raises ValueError if another data set is chosen, or a file as well."""
    if not isinstance(dataset, Table):
        raise ValueError(f"data gives a DataFrame, which dataset=table reads; {type(dataset).__name__} has data of its own")
    if dataset.path is not None and not dataset.path.startswith(FRAME):
        raise ValueError(f"data gives a DataFrame, and dataset.path the file {dataset.path}: give one of them")
    dataset.frame = frame


def _ids(ids: Ids | None, n: int) -> Ids:
    """Return the ids of n users or items, [n]: their numbers if the data set has no other names. Raises ValueError if these are not n."""
    if ids is not None and len(ids) != n:
        raise ValueError(f"the data set has {len(ids)} ids for {n} users or items")
    return np.arange(n) if ids is None else ids


def _facts(split: Split) -> dict[str, Any]:
    """Return what callbacks are told about the data."""
    return {
        "popularity": split.train.popularity(),
        "popularity_ranks": split.train.popularity_ranks(),
        "user_interactions": split.train.offsets.diff(),
        "statistics": split.statistics(),
        "data_checksum": split.checksum(),
    }


def compare_with_unattacked(experiment: Experiment, checked: Checked, frame: "pd.DataFrame | None" = None) -> None:
    """Tell an experiment with an untargeted attack what the same run reaches without it: that is made now, or was made before.

    A run that selects its epoch by an exposure has no quality to compare, and `reference=null` asks for no comparison.
    """
    folder, attack = checked.config.reference, experiment.system.attack
    if folder is None or attack.promotes or not attack.takes_part or experiment.evaluator.selection.startswith("ER@"):
        return
    clean, own = unattacked(checked), experiment.checkpoints.identity
    where = {name: own.counted[name] for name in ("seed", "device", "threads")}
    identity = replace(own, counted=counted_options(clean.config) | where, targets=[])

    def make(own: Path) -> WithoutAttack:
        other = prepare(clean, own, (), frame)
        try:
            return WithoutAttack(other.train()["name"], own, other.evaluations)
        except ArithmeticError as error:  # TrainingDiverged
            raise ConfigError(f"the run without the attack has diverged: {error}; reference=null leaves it out") from error

    without_attack = References(Path(folder).resolve()).obtain(identity, make)
    experiment.info = replace(experiment.info, without_attack=without_attack)


@threads_put_back()
def run(checked: Checked, folder: Path, callbacks: Sequence[Callback] | None = None, frame: "pd.DataFrame | None" = None) -> Experiment:
    """Run the experiment of a checked configuration, leave its results in `folder`, and return it.

    `callbacks` are told what happens and may prune the run; nothing is shown then. Relative paths in options mean the folder that the
    command was given in, also if `hydra.job.chdir` has left it. A `frame` takes the place of the file of dataset=table.
    """
    try:
        with contextlib.chdir(HydraConfig.get().runtime.cwd if HydraConfig.initialized() else "."):
            experiment = prepare(checked, folder, callbacks, frame)
            compare_with_unattacked(experiment, checked, frame)
    except ValueError as error:  # an option does not fit the data, or the data itself is malformed
        raise ConfigError(str(error)) from error
    try:
        summary = experiment.train()
    except KeyboardInterrupt:
        if callbacks is None and experiment.ended:
            show_results(experiment.ended, folder)
        raise
    if callbacks is None:
        show_results(summary, folder)
    if experiment.unwritten:
        raise ConfigError(f"{experiment.unwritten}{'; the results stand above' * (callbacks is None)}")
    return experiment
