"""The ServerApp: the experiment of `fedrec.main`, with nodes of Flower in the place of the simulated clients.

What it reads of the run's configuration: `overrides`, as on the command line of `fedrec.main`; `folder`, where the results go; `nodes`, how
many it waits for; and `round-timeout`, how many seconds it waits for the replies of a round.
"""

import logging
import shlex
from pathlib import Path

import safetensors.torch
from flwr.app import Context
from flwr.serverapp import Grid, ServerApp
from omegaconf import DictConfig, open_dict

from fedrec.api.arguments_given import configuration, overrides_of, set_to
from fedrec.api.running import as_job
from fedrec.conduct import prepare
from fedrec.config.build import check
from fedrec.config.compose import initialized
from fedrec.experiment import Experiment
from fedrec.flower.dealing import require_possible
from fedrec.flower.messages import tensors_of
from fedrec.flower.remote_evaluation import RemoteEvaluator
from fedrec.flower.remote_system import RemoteSystem
from fedrec.flower.strategy import RobustStrategy
from fedrec.interfaces import Callback, RoundResult
from fedrec.tracking.results import show_results

app = ServerApp()
GLOBAL_MODEL = "global_model.safetensors"  # what the server has in the end; the embeddings of users stay in the nodes


class SafeRound(Callback):
    """Tells nodes which round the server may go back to: that of its oldest checkpoint. Without one it would start anew."""

    def __init__(self, checkpoints: Path, strategy: RobustStrategy) -> None:
        self._checkpoints, self._strategy = checkpoints, strategy

    def on_round_end(self, result: RoundResult) -> None:
        saved = [int(path.name.removeprefix("round_")) for path in self._checkpoints.glob("*/round_*") if path.suffix != ".part"]
        self._strategy.safe_round = min(saved, default=result.round)


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Train and evaluate to the end, or go on from the checkpoint of the same command."""
    folder, text = Path(str(context.run_config["folder"])).resolve(), str(context.run_config["overrides"])
    given = {override.lstrip("+~").partition("=")[0] for override in shlex.split(text)}
    own = [set_to("hydra.run.dir", folder), set_to("checkpoint.folder", folder / "checkpoints")]
    if "checkpoint.every" not in given:
        own.append("checkpoint.every=1")  # a round costs seconds, and a checkpoint a hundredth of one
    logging.getLogger("flwr").propagate = False  # it has a handler of its own
    logging.getLogger("httpx").setLevel(logging.WARNING)  # Flower sends each line to the SuperLink, by a request that would be one, too
    with initialized():
        config = configuration(overrides_of([*shlex.split(text), *own], None))
        as_job(lambda composed: conduct(composed, grid, context, folder), config, configures_logging=True)


def conduct(config: DictConfig, grid: Grid, context: Context, folder: Path) -> Experiment:
    """Run the experiment in the nodes, and return it. Raises ConfigError for what only a simulation can do."""
    resume = config.resume
    with open_dict(config):
        config.resume = "never"  # a checkpoint of the server fits the remote system only
    checked = check(config)
    experiment = prepare(checked, folder)
    require_possible(experiment)
    system = experiment.system
    n_nodes, timeout = int(context.run_config["nodes"]), float(context.run_config["round-timeout"])
    strategy = RobustStrategy.of_parts(
        *(system.model, system.defense, system, checked.config.seed), n_nodes=n_nodes, timeout=timeout, sampler=system.sampler
    )
    strategy.optimizer = system.optimizer  # it may go on from a checkpoint
    experiment.system = remote = RemoteSystem.of(system, strategy, grid)
    experiment.evaluator = RemoteEvaluator.of(experiment.evaluator, remote)
    experiment.callbacks = [*experiment.callbacks, SafeRound(folder / "checkpoints", strategy)]
    if (state := experiment.checkpoints.find(resume)) is not None:
        experiment.load_state_dict(state)
    strategy.begin(grid, system.n_items)
    summary = experiment.train()
    safetensors.torch.save_file(tensors_of(remote.global_model), folder / GLOBAL_MODEL)
    show_results(summary, folder)
    return experiment
