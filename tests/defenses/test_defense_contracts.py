"""Laws that every server-side defense of conf/defense obeys with its defaults, on every model; a new yaml is found and tried, too.

The default lane tries each defense on DL-FRS and each list of defenses on MF-FRS; the slow lane tries every choice on every model.
"""

import copy
import importlib
import inspect
import io
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import DictConfig

from fedrec import defenses, ragged
from fedrec.aggregation.aggregate import Sum, aggregate
from fedrec.config.build import build
from fedrec.config.compose import FOLDER, compose
from fedrec.data.federated_data import FederatedData
from fedrec.interfaces import (
    Aggregator,
    ClientDefense,
    Defense,
    DenseRows,
    DenseScorerGradients,
    FactoredRows,
    GlobalModel,
    Interactions,
    RowGroup,
    ScorerPart,
    ServerKnowledge,
    ServerView,
    Transform,
    Upload,
)
from fedrec.models.losses import bce
from fedrec.randomness import generator

NAMES = sorted(path.stem for path in (FOLDER / "defense").glob("*.yaml") if path.stem not in ("none", "ours", "union_client"))
MODELS = sorted(path.stem for path in (FOLDER / "model").glob("*.yaml"))
N_CLIENTS, N_ITEMS = 60, 25
EVERYBODY = list(range(N_CLIENTS))
ROUNDS = [EVERYBODY, [4], EVERYBODY[::-1], [3, 6], EVERYBODY[10:], [7, 3, 50, 21], EVERYBODY]
CPU = torch.device("cpu")
SILENT = 3  # a round in which nobody sends anything


@cache
def composed(*overrides: str) -> DictConfig:
    return compose(*overrides)


@dataclass(frozen=True)
class Choice:
    """A defense or a list of them, and a model."""

    name: str
    model: str
    options: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join((self.name, self.model, *self.options))

    @property
    def config(self) -> DictConfig:
        return composed(f"defense={self.name}", f"model={self.model}", *self.options)

    def begun(self, device: torch.device = CPU) -> Defense:
        """Return the defense after `setup`, in a federation in which everybody holds some items."""
        defense: Defense = build(self.config.defense)
        if defense.server:
            defense.server.setup(self.known(defense.server.root_wanted(), device))
        return defense

    def known(self, root_share: float, device: torch.device) -> ServerKnowledge:
        items = torch.rand(20, N_ITEMS, generator=generator(0, "items")).topk(6).indices
        train = Interactions(torch.arange(21) * 6, items.flatten().int(), N_ITEMS)
        root = (
            FederatedData.draw(train, 1, "repeated", generator(0, "negatives")).to(device).batch(torch.arange(20, device=device))
            if root_share
            else None
        )
        return ServerKnowledge(N_CLIENTS, N_ITEMS, build(self.config.model), bce, 7, device, root)

    def view(self, round: int) -> ServerView:
        _, model = build(self.config.model).initialise(1, N_ITEMS, generator(round, "model"))
        items = 0.5 * torch.randn(model.items.shape, generator=generator(round, "items"))
        return ServerView(round, GlobalModel(items, model.scorer), 0.1)

    def upload(self, round: int, view: ServerView, order: list[int] | None = None) -> Upload:
        """Return what the sampled clients send. Half of them send factored rows, and all but every third send gradients of Psi, too.

        Clients 5, 12, 19 ... send nothing.
        """
        clients = order or ROUNDS[round]
        model, parts = view.model, {True: [], False: []}
        scorer, rows = [], []
        for place, client in enumerate(clients):
            drawing = generator(100 * round + client, "upload")
            n = 0 if round == SILENT or client % 7 == 5 else int(torch.randint(1, 15, (), generator=drawing))
            items = torch.rand(N_ITEMS, generator=drawing).topk(n).indices.int()
            coefficients, direction = torch.randn(n, generator=drawing), torch.randn(1, model.items.shape[1], generator=drawing)
            parts[client % 2 == 0].append((place, items, coefficients, direction))
            if n and client % 3 and model.scorer:
                scorer.append(place)
                rows.append({name: torch.randn(value.shape, generator=drawing) for name, value in model.scorer.items()})
        groups = []
        for is_factored, sent in parts.items():
            owners = torch.tensor([place for place, *_ in sent], dtype=torch.int64)
            offsets = torch.tensor([0, *(len(items) for _, items, *_ in sent)]).cumsum(0).int()
            items = torch.cat([torch.zeros(0, dtype=torch.int32), *(items for _, items, *_ in sent)])
            coefficients = torch.cat([torch.zeros(0), *(one for _, _, one, _ in sent)])
            directions = torch.cat([torch.zeros(0, model.items.shape[1]), *(one for *_, one in sent)])
            factored = FactoredRows(coefficients, directions)
            group = RowGroup(owners, offsets, items, (factored,))
            groups.append(group if is_factored else replace(group, parts=(DenseRows(group.at(slice(None))),)))
        stacked = {name: torch.stack([one[name] for one in rows]) for name in model.scorer} if rows else {}
        gradients = (ScorerPart(torch.tensor(scorer), DenseScorerGradients(stacked)),) if rows else ()
        return Upload(torch.tensor(clients, dtype=torch.int64), tuple(groups), gradients)


LISTED = ("[norm_bound,krum]", "[nnm,median]", "[norm_bound,nnm,trimmed_mean]", "[bucketing,median]", "[bucketing,arc,flame]")
CHOICES = [Choice(name, model) for name in (*NAMES, *LISTED) for model in MODELS]
for option, value in (("scope", "whole_update"), ("score", "original"), ("scorer_share", "senders")):
    offering = [name for name in NAMES if f"\n{option}: " in (FOLDER / "defense" / f"{name}.yaml").read_text(encoding="utf-8")]
    CHOICES += [Choice(name, model, (f"defense.{option}={value}",)) for name in offering for model in MODELS]
QUICK = {Choice(name, "ncf") for name in NAMES} | {Choice(name, "mf") for name in LISTED}
marked = [pytest.param(choice, marks=[] if choice in QUICK else pytest.mark.slow) for choice in CHOICES]
every_choice = pytest.mark.parametrize("choice", marked, ids=str)


def close(first: GlobalModel, second: GlobalModel) -> bool:
    assert set(first.scorer) == set(second.scorer)
    pairs = [(first.items, second.items), *((value, second.scorer[name]) for name, value in first.scorer.items())]
    return all(torch.allclose(one, other, rtol=1e-3, atol=1e-4) for one, other in pairs)


@every_choice
def test_results_are_legal_whoever_is_sampled(choice):
    defense = choice.begun()
    for round, sampled in enumerate(ROUNDS):
        view = choice.view(round)
        upload = choice.upload(round, view)
        aggregation, n_dropped = aggregate(defense, upload, view)
        gradient = aggregation.gradient
        assert n_dropped == 0
        assert gradient.items.shape == view.model.items.shape and gradient.items.dtype == view.model.items.dtype
        assert set(gradient.scorer) <= set(view.model.scorer)
        for name, value in gradient.scorer.items():
            assert value.shape == view.model.scorer[name].shape and value.isfinite().all()
        assert gradient.items.isfinite().all() and (len(sampled) < 4 or gradient.items.any())
        assert_legal_decisions(aggregation, upload)
        if aggregation.inspected is not None and round != SILENT:
            assert not any(sampled[place] % 7 == 5 for place in aggregation.inspected.tolist())


def assert_legal_decisions(aggregation, upload):
    for items in (aggregation.fell_back, aggregation.unguarded):
        assert items is None or (len(items.unique()) == len(items) and set(items.tolist()) <= set(upload.items.tolist()))
    assert (aggregation.inspected is None) == (aggregation.accepted is None)
    if aggregation.inspected is not None:
        assert len(aggregation.inspected) == len(aggregation.accepted) and aggregation.accepted.dtype == torch.bool
        assert all(0 <= place < len(upload.clients) for place in aggregation.inspected.tolist())


@every_choice
def test_view_and_upload_stay_as_they_were(choice):
    defense, view = choice.begun(), choice.view(0)
    upload = choice.upload(0, view)
    before = copy.deepcopy((view, upload))
    aggregate(defense, upload, view)
    assert torch.equal(before[0].model.items, view.model.items)
    assert torch.equal(before[1].rows, replace(upload).rows) and torch.equal(before[1].items, upload.items)
    for (_, first), (_, second) in ((before[1].scorer_rows(), upload.scorer_rows()),):
        assert all(torch.equal(value, second[name]) for name, value in first.items())


@every_choice
@given(seed=st.integers(0, 99))
def test_the_order_of_clients_plays_no_part(choice, seed):
    if choice.name == "bulyan" and "defense.score=original" in choice.options:
        pytest.skip("two uploads that are each other's one nearest score the same, and the first is selected")
    first, second, view = choice.begun(), choice.begun(), choice.view(0)
    order = torch.randperm(N_CLIENTS, generator=generator(seed, "order")).tolist()
    results = [aggregate(one, choice.upload(0, view, clients), view)[0] for one, clients in ((first, EVERYBODY), (second, order))]
    if choice.name in ("bulyan", "multi_krum"):  # of single numbers the two in the middle score the same, and the first is selected
        for result in results:
            result.gradient.scorer.pop("c", None)
    assert close(results[0].gradient, results[1].gradient)


@every_choice
def test_the_ways_of_the_gpu_lead_to_the_same_result(choice):
    """Take the branches for a GPU on the CPU: the arithmetic is the same."""
    view = choice.view(0)
    expected, _ = aggregate(choice.begun(), choice.upload(0, view), view)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ragged, "on_gpu", lambda values: True)
        found, _ = aggregate(choice.begun(), choice.upload(0, view), view)
    assert close(found.gradient, expected.gradient)


@every_choice
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_real_gpu_leads_to_the_same_result(choice):
    view = choice.view(0)
    expected, _ = aggregate(choice.begun(), choice.upload(0, view), view)
    view, upload = on_cuda(view, choice.upload(0, view))
    found, _ = aggregate(choice.begun(torch.device("cuda")), upload, view)
    gradient = GlobalModel(found.gradient.items.cpu(), {name: value.cpu() for name, value in found.gradient.scorer.items()})
    assert close(gradient, expected.gradient)


def on_cuda(view: ServerView, upload: Upload) -> tuple[ServerView, Upload]:
    scorer = {name: value.cuda() for name, value in view.model.scorer.items()}
    senders, gradients = upload.scorer_rows()
    part = ScorerPart(senders.cuda(), DenseScorerGradients({name: value.cuda() for name, value in gradients.items()}))
    moved = Upload.of_rows(*(one.cuda() for one in (upload.clients, upload.items, upload.segments, upload.rows)), (part,) * bool(gradients))
    return replace(view, model=GlobalModel(view.model.items.cuda(), scorer)), moved


@every_choice
@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf, 1e30, 4e18])
def test_rows_that_are_not_finite_are_dropped_and_counted_and_never_spread(choice, bad):
    """The result is as if these rows had not been sent. Everything else that their clients sent counts."""
    view = choice.view(0)
    upload = choice.upload(0, view)
    place = torch.zeros(len(upload.items), dtype=torch.bool)
    place[[3, 40, 41]] = True
    rows = upload.rows.clone()
    rows[place, -1] = bad
    spoiled = Upload.of_rows(upload.clients, upload.items, upload.segments, rows, upload.scorer)
    without = Upload.of_rows(upload.clients, upload.items[~place], upload.segments[~place], upload.rows[~place], upload.scorer)
    (found, n_dropped), (expected, _) = (aggregate(choice.begun(), one, view) for one in (spoiled, without))
    assert n_dropped == 3
    assert close(found.gradient, expected.gradient)


@every_choice
def test_gradients_of_the_scorer_that_are_not_finite_are_dropped_with_their_client_s(choice):
    view = choice.view(0)
    upload = choice.upload(0, view)
    senders, gradients = upload.scorer_rows()
    if not gradients:
        pytest.skip("no scorer")
    spoiled = {name: value.clone() for name, value in gradients.items()}
    next(iter(spoiled.values()))[2] = torch.nan
    others = torch.arange(len(senders)) != 2
    parts = [
        ScorerPart(senders, DenseScorerGradients(spoiled)),
        ScorerPart(senders[others], DenseScorerGradients({name: value[others] for name, value in gradients.items()})),
    ]
    (found, n_dropped), (expected, _) = (aggregate(choice.begun(), replace(upload, scorer=(part,)), view) for part in parts)
    assert n_dropped == 1
    assert close(found.gradient, expected.gradient)


@every_choice
def test_saving_and_loading_changes_nothing(choice):
    """A server that is loaded from a file continues bit for bit, though the saved server has gone on."""
    whole, resumed, half, file = choice.begun(), choice.begun(), len(ROUNDS) // 2, io.BytesIO()
    if whole.server is None:
        pytest.skip("a transform remembers nothing")
    views = [choice.view(round) for round in range(len(ROUNDS))]
    uploads = [choice.upload(round, view) for round, view in enumerate(views)]
    for upload, view in list(zip(uploads, views, strict=True))[:half]:
        aggregate(whole, upload, view)
    state = whole.server.state_dict()
    expected = [aggregate(whole, upload, view)[0].gradient for upload, view in list(zip(uploads, views, strict=True))[half:]]
    torch.save(state, file)
    file.seek(0)
    resumed.server.load_state_dict(torch.load(file))
    for upload, view, gradient in zip(uploads[half:], views[half:], expected, strict=True):
        found = aggregate(resumed, upload, view)[0].gradient
        assert torch.equal(found.items, gradient.items)
        assert all(torch.equal(value, gradient.scorer[name]) for name, value in found.scorer.items())


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", ["trimmed_mean", "krum", "multi_krum", "bulyan", "nnm", "arc", "dnc"])
def test_without_malicious_clients_to_expect_most_rules_are_the_sum(name, model):
    """With f = 0 all rules are the sum but Krum, which still takes one upload for all; NNM makes every upload the mean."""
    choice = Choice(name, model, ("defense.malicious_share=0",))
    view = choice.view(0)
    upload = choice.upload(0, view)
    found = aggregate(choice.begun(), upload, view)[0].gradient
    assert close(found, Sum()(upload, view).gradient) == (name != "krum")


@given(seed=st.integers(0, 99), shift=st.floats(-3, 3))
def test_krum_is_translation_equivariant(seed, shift):
    """If all rows move by a vector, the result moves by n_j times that vector."""
    choice = Choice("krum", "mf")
    view, drawing = choice.view(0), generator(seed, "rows")
    items, senders = torch.arange(3).repeat_interleave(40), torch.arange(40).repeat(3)
    rows, vector = torch.randn(120, 32, generator=drawing), shift * torch.randn(32, generator=drawing)
    first, second = (
        aggregate(choice.begun(), Upload.of_rows(torch.arange(40), items, senders, sent), view)[0] for sent in (rows, rows + vector)
    )
    assert torch.equal(first.accepted, second.accepted)
    assert torch.allclose(first.gradient.items[:3] + 40 * vector, second.gradient.items[:3], atol=1e-3)


@pytest.mark.parametrize("name", sorted(path.stem for path in Path(defenses.__file__).parent.glob("*.py") if path.stem != "__init__"))
def test_a_defense_has_few_ancestors(name):
    """A reader of a rule reads at most two more classes of the project."""
    module = importlib.import_module(f"fedrec.defenses.{name}")
    own = [one for one in vars(module).values() if inspect.isclass(one) and one.__module__ == module.__name__]
    (method,) = (one for one in own if issubclass(one, ClientDefense | Aggregator | Transform))
    assert len([one for one in method.__mro__[1:] if one.__module__.startswith("fedrec")]) <= 2
