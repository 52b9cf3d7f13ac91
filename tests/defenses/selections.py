"""What the tests of rules that select clients share."""

import torch
from hypothesis import assume

from fedrec.aggregation import ClientSelection, WholeUpdates
from fedrec.aggregation.aggregate import aggregate
from fedrec.interfaces import Aggregation, Defense
from tests.defenses.uploads import Case, of_rows
from tests.reference.defenses import heard
from tests.reference.whole_update_rules import SelectedSum


def check(one: Case, rule: ClientSelection, expected: SelectedSum) -> None:
    """Compare a rule with the oracle, but where rounding decides."""
    aggregation, _ = aggregate(Defense(server=rule), one.upload, one.view)
    items, parameters = expected(one.view.model.items, one.view.model.scorer, one.sent)
    assume(not expected.doubtful)
    senders = heard(one.sent)
    if expected.accepted:
        assert aggregation.inspected.tolist() == senders
        assert [senders[number] for number in aggregation.accepted.nonzero().flatten().tolist()] == [senders[k] for k in expected.accepted]
        assert not len(aggregation.fell_back)
    else:
        assert aggregation.inspected is None and not len(aggregation.unguarded)
        assert sorted(aggregation.fell_back.tolist()) == sorted(one.upload.items.unique().tolist()) or one.upload.rows.isnan().any()
    assert torch.allclose(aggregation.gradient.items, items, rtol=1e-7, atol=1e-9)
    for name, value in aggregation.gradient.scorer.items():
        assert torch.allclose(value, parameters[name], rtol=1e-7, atol=1e-9)


def chosen(one: Case, share: float, name: str, times: int = 1) -> list[torch.Tensor]:
    """Return the coordinates that a rule draws in a round, [P] bool each."""
    updates, generator = WholeUpdates.of(one.upload, one.view.model), one.view.generator(name)
    return [updates.join(updates.draw_coordinates(share, generator))[0].bool() for _ in range(times)]


def of_vectors(vectors: list[list[float]]) -> Case:
    """Return the case in which each client sends a row for one item."""
    return of_rows(torch.zeros(len(vectors)).int(), torch.arange(len(vectors)), torch.tensor(vectors).double(), len(vectors))


def run(rule: ClientSelection, vectors: list[list[float]]) -> Aggregation:
    one = of_vectors(vectors)
    return aggregate(Defense(server=rule), one.upload, one.view)[0]
