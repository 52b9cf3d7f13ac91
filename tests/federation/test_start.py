"""A start that is given: it must fit the federation, its order is kept, and a drawn federation that starts from it repeats itself."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from fedrec.data.federated_data import FederatedData
from fedrec.federation.client_sampling import ClientSampler
from fedrec.federation.start import Start
from fedrec.federation.system import System
from fedrec.interfaces import Defense, GlobalModel, PriorKnowledge
from tests.reference.federations import MODELS, SYSTEM, Case, build_attack, build_system

README = Path(__file__).parents[2] / "fedrec/README.md"
SETTINGS = {**SYSTEM, "clients_per_round": 2, "malicious_share": 0.34, "learning_rate": 0.1}
ATTACK = {"synthetic_users": 2, "user_std": 1.0}
CASES = {
    f"{model} {sampling}": Case([[0, 1], [2], [0, 3, 3]], 6, [5], "a_ra", ATTACK, None, {**SETTINGS, "sampling": sampling}, 0, model)
    for model in ("mf", "ncf")
    for sampling in ("epoch", "uniform")
}


def begun(case: Case, start: Start | None, epochs: int = 3) -> System:
    system = System(**{**case.system, "epochs": epochs})
    parts = MODELS[case.model], build_attack(case), Defense()
    system.setup(case.train, *parts, torch.tensor(case.targets), case.seed, torch.device("cpu"), PriorKnowledge(), start)
    return system


def start_of(system: System, order: torch.Tensor | None = None) -> Start:
    return Start(system.data, system.users.clone(), system.global_model, order)


def trained(system: System) -> System:
    for _ in system.rounds():
        pass
    return system


def assert_equal(one: System, other: System) -> None:
    """Bit for bit."""
    assert one.users.equal(other.users) and one.global_model.items.equal(other.global_model.items)
    assert set(one.global_model.scorer) == set(other.global_model.scorer)
    assert all(value.equal(other.global_model.scorer[name]) for name, value in one.global_model.scorer.items())


@pytest.mark.parametrize("name", CASES)
def test_the_start_of_a_drawn_federation_reproduces_it(name: str) -> None:
    start = start_of(begun(CASES[name], None))
    before = start.users.clone(), start.global_model.items.clone()
    assert_equal(trained(begun(CASES[name], start)), trained(build_system(CASES[name])))
    assert start.users.equal(before[0]) and start.global_model.items.equal(before[1])  # it can be given again


@pytest.mark.parametrize("name", CASES)
def test_the_order_that_was_drawn_reproduces_a_federation(name: str) -> None:
    """Whatever `sampling` says, every epoch cuts the given permutation into rounds."""
    case = CASES[name]
    drawn = begun(replace(case, system={**case.system, "sampling": "epoch"}), None)
    order = torch.stack([torch.cat([drawn.sampler.sample(2 * epoch), drawn.sampler.sample(2 * epoch + 1)]) for epoch in range(3)])
    assert_equal(trained(begun(case, start_of(drawn, order))), trained(drawn))


@pytest.mark.parametrize("mode", ["epoch", "uniform"])
def test_a_given_order_is_cut_into_rounds(mode: str) -> None:
    sampler = ClientSampler(5, 2, mode, 0, torch.tensor([[3, 1, 4, 0, 2], [0, 1, 2, 3, 4]]))
    assert [sampler.sample(round).tolist() for round in (0, 1, 2, 3, 5, 1)] == [[3, 1], [4, 0], [2], [0, 1], [4], [4, 0]]


FITTING = start_of(begun(CASES["mf epoch"], None))
ITEMS = FITTING.global_model.items
TWO_USERS = FederatedData.of(torch.arange(3), torch.tensor([0, 1]), torch.ones(2), 6)
WRONG = {
    "start.data.offsets: (3,), but the federation needs (4,)": {"data": TWO_USERS},
    "start.data.n_items: 7, but the federation needs 6": {"data": replace(FITTING.data, n_items=7)},
    "start.users: (2, 3), but the federation needs (3, 3)": {"users": torch.ones(2, 3)},
    "start.users: (3, 4), but the federation needs (3, 3)": {"users": torch.ones(3, 4)},
    "start.global_model.items: (5, 3), but the federation needs (6, 3)": {"global_model": GlobalModel(ITEMS[:5])},
    "start.global_model.items: (6, 2), but the federation needs (6, 3)": {"global_model": GlobalModel(ITEMS[:, :2])},
    "start.global_model.scorer: {'c': (1,)}, but the federation needs {}": {"global_model": GlobalModel(ITEMS, {"c": torch.zeros(1)})},
    "start.order: torch.float32 (3, 4), but it must be int64 [epochs, clients]": {"order": torch.arange(4.0).expand(3, 4)},
    "start.order: torch.int64 (4,), but it must be int64 [epochs, clients]": {"order": torch.arange(4)},
    "start.order: 2 epochs, but system.epochs = 3": {"order": torch.arange(4).expand(2, 4)},
    "start.order: every epoch must hold each of the clients 0 to 3 once": {"order": torch.arange(3).expand(3, 3)},
}
TWICE = torch.tensor([[0, 1, 2, 3], [3, 2, 1, 0], [0, 1, 1, 3]])


@pytest.mark.parametrize("message", WRONG)
def test_a_start_of_another_federation(message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        begun(CASES["mf epoch"], replace(FITTING, **WRONG[message]))


def test_an_order_that_names_a_client_twice_or_is_longer_than_needed() -> None:
    with pytest.raises(ValueError, match="every epoch must hold each of the clients 0 to 3 once"):
        begun(CASES["mf epoch"], replace(FITTING, order=TWICE))
    assert len(begun(CASES["mf epoch"], replace(FITTING, order=TWICE[:2]), epochs=1).sampler.order) == 2


def test_the_example_of_the_readme_works(capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = re.findall(r"```python\n# my_start\.py\n(.*?)```", README.read_text(), re.DOTALL)
    exec(compile(example, "my_start.py", "exec"), {})
    epochs = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert sorted(set(epochs)) == ["1", "2", "3"] and epochs == sorted(epochs)
