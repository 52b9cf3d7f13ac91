"""What only a simulation can do is refused in one line before any round."""

import pytest

pytest.importorskip("flwr", reason="flwr is not installed: pip install 'fedrec[flower]'")

from fedrec.config.validation import ConfigError
from fedrec.flower.shard import client_numbers
from fedrec.flower.strategy import RobustStrategy
from tests.flower.nodes_in_one_process import NodesInOneProcess

SMALL = "dataset=synthetic dataset.users=30 dataset.items=40 dataset.interactions=300 tracking=none"


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ("attack=min_max", "attack.prior=uploads: in a federation no node sees what the others send"),
        ("model.save=true", "model.save=true: in a federation the embeddings of users stay in their nodes"),
        ("attack=pieck_uea attack.N=10 evaluation.metrics=[ER,HR,mining] evaluation.mined_sizes=[10]", "mining needs to see all users"),
    ],
)
def test_what_needs_to_see_everybody(options, line, tmp_path):
    grid = NodesInOneProcess(tmp_path, f"{SMALL} {options}", 2)
    with pytest.raises(ConfigError, match=line):
        grid.train()
    assert not grid.messages


@pytest.mark.parametrize(("n_users", "n_malicious", "n_nodes"), [(3, 0, 4), (3, 0, 0), (3, 1, 1), (3, 1, 5)])
def test_nodes_that_nobody_would_live_in(n_users, n_malicious, n_nodes):
    with pytest.raises(ValueError, match=f"nodes = {n_nodes}: 1 to 3 nodes"):
        client_numbers(n_users, n_malicious, n_nodes)


def test_a_rule_that_needs_data_of_its_own_says_so(tmp_path):
    strategy = RobustStrategy.of(f"{SMALL} defense=fltrust", timeout=5.0)
    with pytest.raises(ValueError, match="FLTrust needs data of its own, which this server has not"):
        strategy.begin(NodesInOneProcess(tmp_path, SMALL, 1), 40)


def test_too_few_nodes_end_the_wait(tmp_path):
    with pytest.raises(TimeoutError, match="2 of 3 nodes have joined"):
        RobustStrategy.of(SMALL, n_nodes=3, timeout=0.1).begin(NodesInOneProcess(tmp_path, SMALL, 2), 40)


def test_the_folder_of_another_federation_is_not_taken(tmp_path):
    NodesInOneProcess(tmp_path, f"{SMALL} system.epochs=1", 1).train()
    other = NodesInOneProcess(tmp_path, f"{SMALL} system.epochs=1 seed=1", 1)
    with pytest.raises(TimeoutError, match="nodes/0/private: it belongs to"):
        other.train()
