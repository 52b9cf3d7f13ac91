"""The evaluation of a federation of nodes: each node measures its own users, and the server adds up."""

import logging
from typing import Any

import numpy as np
from flwr.app import ConfigRecord

from fedrec.evaluation.evaluator import Evaluator
from fedrec.flower.messages import of_model
from fedrec.flower.remote_system import RemoteSystem

log = logging.getLogger(__name__)


class RemoteEvaluator(Evaluator):
    """An evaluator that asks the nodes. Rankings and exposures are means over users, so sums over nodes are enough."""

    remote: RemoteSystem

    @classmethod
    def of(cls, evaluator: Evaluator, remote: RemoteSystem) -> "RemoteEvaluator":
        """Return an evaluator with the options of another one."""
        own = cls.__new__(cls)
        vars(own).update(vars(evaluator))
        own.remote = own.state = remote
        return own

    def evaluate(self) -> dict[str, float]:
        """Return the metrics over the users of all nodes that answer; none if nobody tells the metric that selects an epoch."""
        remote, strategy = self.remote, self.remote.strategy
        messages = strategy.configure_evaluate(remote.round, of_model(remote.global_model), ConfigRecord(), remote.grid)
        replies = remote.grid.send_and_receive(messages, timeout=strategy.timeout)
        told: Any = strategy.aggregate_evaluate(remote.round, replies) or {}
        told = {name: values for name, values in told.items() if isinstance(values, list)}  # the others count replies
        self.exposures = {name: [None if np.isnan(one) else one for one in told[name]] for name in told if name.startswith("ER@")}
        means = {name: float(np.nanmean(values)) for name, values in told.items() if not np.isnan(values).all()}
        if self.selection not in means:
            log.warning("round %d: no node with users has answered; there is no evaluation", remote.round)
            return {}
        return {name: means[name] for name in sorted(means, key=self._order)}

    def _order(self, name: str) -> tuple[bool, str]:
        return not name.startswith("ER@"), name
