"""Random ragged uploads, each in the form of `fedrec` and in that of the oracle."""

from dataclasses import dataclass, replace

import torch
from hypothesis import settings
from hypothesis import strategies as st
from torch import Tensor

from fedrec.interfaces import (
    DenseRows,
    DenseScorerGradients,
    FactoredRows,
    GlobalModel,
    ProjectedRows,
    RowGroup,
    ScorerPart,
    ServerView,
    Upload,
)
from tests.reference.federation import Sent

MORE = settings(max_examples=5 * settings.default.max_examples)  # than usual: comparing one upload is quick


@dataclass(frozen=True)
class Case:
    """An upload in float64, and what each client sent."""

    upload: Upload
    view: ServerView
    sent: list[Sent]


def case(
    seed: int,
    n_clients: int,
    n_items: int,
    rows_per_client: int,
    kind: str = "dense",
    size: int = 3,
    parameters: bool = False,
    broken: float = 0.0,
    ties: bool = False,
    silent: float = 0.0,
) -> Case:
    """Draw clients with up to so many rows each; shares of the rows are not finite, and shares of the clients send no parameters."""
    drawing = torch.Generator().manual_seed(seed)
    counts = torch.randint(0, rows_per_client + 1, (n_clients,), generator=drawing)
    items = (n_items * torch.rand(int(counts.sum()), generator=drawing) ** 2).int()  # some popular, some rare
    offsets = torch.cat([counts.new_zeros(1), counts.cumsum(0)]).int()
    owners = torch.arange(n_clients)
    group = RowGroup(owners, offsets, items, _parts(kind, items, n_clients, n_items, size, ties, drawing))
    groups = (group,)
    if broken:
        rows = group.at(slice(None))
        bad = torch.rand(len(rows), generator=drawing) < broken
        rows[bad, 0] = torch.tensor([torch.nan, torch.inf, -torch.inf]).double()[torch.randint(3, (int(bad.sum()),), generator=drawing)]
        groups = (replace(group, parts=(DenseRows(rows),)),)
    scorer: tuple[ScorerPart, ...] = ()
    if parameters:
        senders = (torch.rand(n_clients, generator=drawing) >= silent).nonzero().flatten()
        values = {name: _random((len(senders), *shape), ties, drawing) for name, shape in {"W1": (4, 2), "b1": (2,)}.items()}
        values["b1"][torch.rand(len(senders), generator=drawing) < broken] = torch.nan
        scorer = (ScorerPart(senders, DenseScorerGradients(values)),)
    upload = Upload(torch.arange(n_clients), groups, scorer)
    model = GlobalModel(
        torch.zeros(n_items, size).double(), {"W1": torch.zeros(4, 2).double(), "b1": torch.zeros(2).double()} if parameters else {}
    )
    return Case(upload, ServerView(0, model, 1.0), sent_by(upload))


@st.composite
def cases(draw: st.DrawFn, whole_numbers: bool = True, broken: bool = True) -> Case:
    """Draw a case; some have ties and rows of zeros, clients without rows or without parameters, items with one row."""
    return case(
        draw(st.integers(0, 999)),
        draw(st.integers(1, 24)),
        draw(st.integers(1, 6)),
        draw(st.integers(1, 5)),
        draw(KINDS.filter(lambda kind: kind != "projected") if (ties := whole_numbers and draw(st.booleans())) else KINDS),
        parameters=draw(st.booleans()),
        broken=draw(st.sampled_from([0.0, 0.2])) if broken else 0.0,
        ties=ties,
        silent=draw(st.sampled_from([0.0, 0.3, 1.0])),
    )


def single(one: Case) -> tuple[Upload, ServerView]:
    """Return the rows of a case without parameters in float32."""
    upload = Upload.of_rows(one.upload.clients, one.upload.items, one.upload.segments, one.upload.rows.float())
    return upload, replace(one.view, model=GlobalModel(one.view.model.items.float()))


def of_rows(items: Tensor, senders: Tensor, rows: Tensor, n_clients: int, scorer: tuple[ScorerPart, ...] = ()) -> Case:
    """Return the case in which client senders[k] sends rows[k] for items[k]; rows [n, d]."""
    upload = Upload.of_rows(torch.arange(n_clients), items, senders, rows, scorer)
    model = GlobalModel(torch.zeros(int(items.max()) + 1, rows.shape[1], dtype=rows.dtype))
    return Case(upload, ServerView(0, model, 1.0), sent_by(upload))


def _random(shape: tuple[int, ...], ties: bool, drawing: torch.Generator) -> Tensor:
    if ties:
        return torch.randint(-1, 2, shape, generator=drawing).double()
    return torch.randn(shape, generator=drawing).double()


def _parts(kind: str, items: Tensor, n_clients: int, n_items: int, size: int, ties: bool, drawing: torch.Generator):
    n = len(items)
    dense = DenseRows(_random((n, size), ties, drawing))
    factored = FactoredRows(_random((n,), ties, drawing), _random((n_clients, size), ties, drawing))
    normals = torch.nn.functional.normalize(torch.randn(n_items, size, generator=drawing).double(), dim=1)
    projected = FactoredRows(_random((n,), ties, drawing), _random((n_clients, size), ties, drawing), normals)
    counts = torch.randint(1, 3, (n,), generator=drawing).double()
    behind = ProjectedRows(_random((2, n), ties, drawing), counts, _random((2, size), ties, drawing), items, n_items)
    return {"dense": (dense,), "factored": (factored,), "projected": (factored, projected), "behind": (behind,)}[kind]


def sent_by(upload: Upload) -> list[Sent]:
    """Return what each client sent: items, rows and parameters."""
    senders, gradients = upload.scorer_rows()
    sent = []
    for client in range(len(upload.clients)):
        mine, of_mine = upload.segments == client, (senders == client).nonzero().flatten().tolist()
        parameters = {name: value[of_mine[0]] for name, value in gradients.items()} if of_mine else {}
        sent.append((upload.items[mine].long(), upload.rows[mine], parameters))
    return sent


KINDS = st.sampled_from(["dense", "factored", "projected", "behind"])
