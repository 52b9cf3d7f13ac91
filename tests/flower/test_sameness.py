"""With all nodes and the same seed a federation trains what the simulation trains."""

import pytest
import torch
from safetensors.torch import load_file

import fedrec

pytest.importorskip("flwr", reason="flwr is not installed: pip install 'fedrec[flower]'")

from fedrec.flower.server_app import GLOBAL_MODEL
from tests.flower.nodes_in_one_process import NodesInOneProcess

SMALL = (
    "dataset=synthetic dataset.users=60 dataset.items=80 dataset.interactions=900 tracking=none system.clients_per_round=40 system.epochs=3"
)


@pytest.mark.parametrize("model", ["mf", "ncf"])
@pytest.mark.parametrize(("attack", "defense"), [("none", "none"), ("pieck_uea", "none"), ("pieck_uea", "ours"), ("pieck_uea", "krum")])
def test_the_global_model_is_that_of_the_simulation(model, attack, defense, tmp_path):
    overrides = f"{SMALL} model={model} attack={attack} defense={defense}"
    NodesInOneProcess(tmp_path, overrides, 3).train()
    fedrec.run(f"{overrides} model.save=true", folder=tmp_path / "simulated", progress=False)
    found = load_file(tmp_path / "run" / GLOBAL_MODEL)
    wanted = load_file(tmp_path / "simulated" / "model" / "model.safetensors")
    assert found.keys() == wanted.keys() - {"users"}
    for name, value in found.items():
        torch.testing.assert_close(value, wanted[name], rtol=0, atol=1e-5)
        assert not torch.equal(value, torch.zeros_like(value))
