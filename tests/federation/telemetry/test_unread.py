"""Telemetry waits for a reader, and is the same however late it is read."""

from dataclasses import replace

import pytest

from fedrec.aggregation import aggregate
from fedrec.attacks.a_ra import RandomApproximation
from fedrec.federation import system
from fedrec.federation.telemetry.unread import Unread
from tests.federation.telemetry.test_telemetry import ATTACKED
from tests.reference.federations import build_system


def test_it_is_described_once_and_only_if_more_is_read_than_is_known():
    calls = []
    telemetry = Unread({"loss": 1.0}, lambda: calls.append(1) or {"poison_rows": 2.0})
    assert telemetry["loss"] == 1.0 and not calls
    assert dict(telemetry) == {"loss": 1.0, "poison_rows": 2.0} and len(telemetry) == 2 and "penalty" not in telemetry
    assert len(calls) == 1


def test_rounds_that_nobody_reads_describe_no_poison(monkeypatch):
    described = []
    monkeypatch.setattr(system, "describe_poison", lambda *arguments: described.append(1) or {})
    results = list(build_system(ATTACKED).rounds())
    assert results and not described
    assert all("poison_rows" not in result.telemetry for result in results) and len(described) == len(results)


@pytest.mark.parametrize("model", ["mf", "ncf"])
@pytest.mark.parametrize("many_items", [1, 10**6], ids=["in place", "anew"])
def test_later_rounds_change_nothing(monkeypatch, model, many_items):
    """Neither if the item matrix is replaced nor if the server changes it in place."""
    monkeypatch.setattr(aggregate, "MANY_ITEMS", many_items)
    monkeypatch.setattr(RandomApproximation, "keeps_models", False)
    case = replace(ATTACKED, model=model, defense=None)  # `ours` needs earlier matrices, so nothing would change in place
    federation = build_system(case)
    matrices = [federation.global_model.items for _ in federation.rounds()]
    assert (matrices[0] is matrices[-1]) == (many_items == 1)
    at_once = [dict(result.telemetry) for result in build_system(case).rounds()]
    late = [dict(result.telemetry) for result in list(build_system(case).rounds())]
    for one, other in zip(at_once, late, strict=True):
        assert {name: one[name] for name in one if "seconds" not in name} == {name: other[name] for name in other if "seconds" not in name}
