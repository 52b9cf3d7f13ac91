"""The loop that the benchmark compares with does the work of the engine, and the limit counts this work."""

import pytest
import torch

from experiments.timing.federation_clock import FederationClock
from experiments.timing.limits import OF_ROUND, Load, evaluation, exchanges
from experiments.timing.machine import Machine, Work
from experiments.timing.round_rows import EVALUATION_CASES, LOOPED, ROUND_CASES
from experiments.timing.stacked_rules import COMBINE
from experiments.timing.whole_uploads import one_by_one
from tests.reference import rules as oracle

TINY = ("dataset=synthetic", "dataset.users=40", "dataset.items=60", "dataset.interactions=600", "system.clients_per_round=42")


@pytest.mark.parametrize("model", ["mf", "ncf"])
@pytest.mark.parametrize(("attack", "defense"), [("none", "none"), *(("pieck_uea", defense) for defense in sorted(LOOPED))])
def test_a_round_of_the_loop_is_a_round_of_the_engine(attack, defense, model):
    clock = FederationClock()
    clock.prepare(*TINY, f"model={model}", f"attack={attack}", f"defense={defense}", "system.malicious_share=0.05")
    clock.rounds(4)
    system = clock.experiment.system
    server, round = one_by_one(clock.experiment, defense), system.round
    before = system.global_model.items
    server.round(round, system.sampler.sample(round).tolist())
    next(system.rounds())
    change = (system.global_model.items - before).norm()
    assert change > 0 and (server.items - system.global_model.items).norm() < 1e-3 * change
    users = torch.stack([client.user for client in server.benign])
    torch.testing.assert_close(users, system.users, rtol=1e-3, atol=1e-6)
    # of single numbers the two in the middle have nearly the same distances to the others, and rounding decides between them
    doubtful = {"c"} if defense in ("krum", "multi_krum", "bulyan") else set()
    for name, value in ((name, value) for name, value in system.global_model.scorer.items() if name not in doubtful):
        torch.testing.assert_close(server.scorer[name], value, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("rule", sorted(COMBINE))
@pytest.mark.parametrize(("n", "f"), [(1, 0), (2, 0), (7, 1), (20, 1), (40, 3)])
def test_a_rule_of_the_loop_is_that_of_the_oracle(rule, n, f):
    rows = torch.randn(n, 5, generator=torch.Generator().manual_seed(n)).double()
    applies = n >= oracle.fewest(rule, f, "paper")
    expected = oracle.RULES[rule](rows, f, "paper").result if applies else rows.sum(0)
    torch.testing.assert_close(COMBINE[rule](rows, f), expected)


def test_the_loop_has_a_server_for_every_row_that_shows_it():
    assert {case.defense for case in (*ROUND_CASES.values(), *EVALUATION_CASES.values())} <= set(OF_ROUND)
    assert set(OF_ROUND) - LOOPED == {"nnm", "geometric_median", "centered_clipping"}  # which the published code lacks


def test_the_work_of_a_round_by_hand():
    """Two items with four uploads and one of two, three numbers a row, no scorer."""
    load = Load([(torch.tensor([4.0, 4.0, 2.0]).double(), 3)], weights=0, malicious_share=0.25, iterations=2)
    none = Work(dram=120, l2=360, operations=180)
    assert OF_ROUND["none"](load) == none
    assert OF_ROUND["median"](load) == none + Work(dram=240, l2=16 * 3 * (5 + 5 + 1))
    assert OF_ROUND["krum"](load) == none + Work(dram=240, l2=8 * 36, operations=2 * 3 * 36)
    assert OF_ROUND["multi_krum"](load) == OF_ROUND["krum"](load) + Work(l2=16 * (20 + 20 + 2) + 6 * (12 + 12 + 4))
    assert OF_ROUND["bulyan"](load) == OF_ROUND["multi_krum"](load) + Work(l2=16 * 3 * (1 + 1 + 1) + 8 * 30)
    assert OF_ROUND["centered_clipping"](load) == none + Work(dram=240, l2=240, operations=360)
    assert Machine(dram=120, l2=360, sgemm=180).seconds(none) == 3


def test_a_scorer_adds_work():
    items = (torch.tensor([4.0]).double(), 3)
    without, with_scorer = (Load(groups, weights, 0.0, 0) for groups, weights in (([items], 0), ([items, (items[0], 10)], 10)))
    assert all(work(with_scorer).operations > work(without).operations for work in OF_ROUND.values())
    assert evaluation(2, 3, 4, [], 5) == Work(20, 48, 48)
    assert evaluation(2, 3, 4, [8, 4], 5) == Work(20, 48, 6 * 2 * (8 + 8 * 4 + 4))


@pytest.mark.parametrize("n", [2, 4, 8, 16])
def test_batchers_network_has_as_many_exchanges(n):
    def network(low, size, step=1):
        """Yield the exchanges of an odd-even merge sort."""
        if size > 1:
            yield from network(low, size // 2)
            yield from network(low + size // 2, size // 2)
            yield from merge(low, size, 1)

    def merge(low, size, step):
        if 2 * step < size:
            yield from merge(low, size, 2 * step)
            yield from merge(low + step, size, 2 * step)
            yield from ((at, at + step) for at in range(low + step, low + size - step, 2 * step))
        else:
            yield low, low + step

    assert len(list(network(0, n))) == exchanges(torch.tensor(float(n)))
