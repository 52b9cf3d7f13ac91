"""What the clients of a round send to the server: gradient rows of items and gradients of the scorer."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

from fedrec.interfaces.gradient_rows import DenseRows, FactoredRows, RowGroup, SharedRows
from fedrec.ragged import distinct


class ScorerGradients(Protocol):
    """Gradients of the scorer's parameters (Eq. 1) from c clients, made in the form that is asked for."""

    def total(self) -> Mapping[str, Tensor]:
        """Return the sum over the clients, {name: [...]}; the plain sum needs no more."""

    def per_client(self) -> Mapping[str, Tensor]:
        """Return the gradients of each client, {name: [c, ...]}."""


@dataclass(frozen=True, slots=True)
class DenseScorerGradients:
    """Gradients of each client as they are."""

    gradients: Mapping[str, Tensor]  # {name: [c, ...]}

    def total(self) -> Mapping[str, Tensor]:
        return {name: value.sum(0) for name, value in self.gradients.items()}

    def per_client(self) -> Mapping[str, Tensor]:
        return self.gradients


@dataclass(frozen=True, slots=True)
class ScorerPart:
    """Gradients of the scorer from some clients."""

    senders: Tensor  # [c] int64, distinct positions in `Upload.clients`
    gradients: ScorerGradients


@dataclass(frozen=True)
class Upload:
    """All gradients of a round."""

    clients: Tensor  # [S] int64; users are 0..U-1, malicious clients follow
    groups: tuple[RowGroup, ...]
    scorer: tuple[ScorerPart, ...] = ()  # a client stands in one of them at most

    @classmethod
    def of_rows(cls, clients: Tensor, items: Tensor, segments: Tensor, rows: Tensor, scorer: tuple[ScorerPart, ...] = ()) -> "Upload":
        """Return the upload in which clients[segments[k]] sends rows[k] for items[k]; rows [n, d]."""
        offsets = torch.arange(len(items) + 1, dtype=torch.int32, device=items.device)
        return cls(clients, (RowGroup(segments.long(), offsets, items.int(), (DenseRows(rows),)),), scorer)

    @cached_property
    def items(self) -> Tensor:
        """The item of each row, [n] int32."""
        return torch.cat([group.items for group in self.groups])

    @cached_property
    def segments(self) -> Tensor:
        """Position in `clients` of the sender of each row, [n] int64."""
        return torch.cat([group.owners[group.blocks] for group in self.groups])

    @cached_property
    def rows(self) -> Tensor:
        """The gradients themselves, [n, d]; made at the first use, because a plain sum never needs them."""
        return torch.cat([group.at(slice(None)) for group in self.groups])

    @cached_property
    def factored(self) -> tuple[Tensor, Tensor, Tensor]:
        """Every row as a multiple of a vector: vectors [D, d], the number of each row's vector [n] int64, and the multiples [n].

        A factored group has few vectors, and so has one of shared rows; of another group each row is a vector of its own.
        """
        vectors, pointers, coefficients, n_vectors = [], [], [], 0
        for group in self.groups:
            part = group.parts[0]
            if len(group.parts) == 1 and isinstance(part, SharedRows):
                pointers.append(part.pointers(group) + n_vectors)
                part = FactoredRows(part.rows.new_ones(len(group.items)), part.rows)
            elif len(group.parts) > 1 or not isinstance(part, FactoredRows) or part.normals is not None:
                rows = group.at(slice(None))
                part = FactoredRows(rows.new_ones(len(rows)), rows)
                pointers.append(torch.arange(n_vectors, n_vectors + len(rows), device=rows.device))
            else:
                pointers.append(group.blocks.long() + n_vectors)
            vectors.append(part.directions)
            coefficients.append(part.coefficients)
            n_vectors += len(part.directions)
        return torch.cat(vectors), torch.cat(pointers), torch.cat(coefficients)

    def without_silent(self) -> tuple["Upload", Tensor]:
        """Return the upload without clients that sent nothing, and the positions of the others in `clients`; all if nobody sent."""
        has_sent = torch.zeros(len(self.clients), dtype=torch.bool, device=self.clients.device)
        has_sent[self.segments] = True
        for part in self.scorer:
            has_sent[part.senders] = True
        positions = has_sent.nonzero().flatten()
        if not len(positions) or len(positions) == len(self.clients):
            return self, torch.arange(len(self.clients), device=self.clients.device)
        places = (has_sent.cumsum(0) - 1).clamp_(min=0)  # a silent client has no rows, so any place will do
        groups = tuple(replace(group, owners=places[group.owners]) for group in self.groups)
        scorer = tuple(replace(part, senders=places[part.senders]) for part in self.scorer)
        return Upload(self.clients[positions], groups, scorer), positions

    def total(self, n_items: int) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the rows summed by item, [M, d], and the summed gradients of the scorer; no row is made that is not dense."""
        first, *others = (part.sum(group, n_items) for group in self.groups for part in group.parts)
        return sum(others, first), self.scorer_total()

    def renumbered(self, n_items: int) -> tuple[Tensor, "Upload"]:
        """Return the J items that somebody sent rows for, [J] int64, and the same upload for items 0..J-1, which stand for them."""
        touched, numbers = distinct(self.items, n_items)
        parts = numbers.split([len(group.items) for group in self.groups])
        groups = tuple(group.renumbered(touched, part) for group, part in zip(self.groups, parts, strict=True))
        return touched, replace(self, groups=groups)

    def weighted(self, weights: Tensor) -> "Upload":
        """Return the upload with all that client s sends times weights[s], [S]."""
        groups = tuple(group.scaled(weights[group.owners].index_select(0, group.blocks)) for group in self.groups)
        senders, gradients = self.scorer_rows()
        scaled = {name: torch.einsum("c,c...->c...", weights[senders], value) for name, value in gradients.items()}
        return Upload(self.clients, groups, (ScorerPart(senders, DenseScorerGradients(scaled)),) if scaled else ())

    def from_clients(self, chosen: Tensor) -> "Upload":
        """Return what the chosen clients, [S] bool, sent."""
        senders, gradients = self.scorer_rows()
        kept = chosen[senders]
        scorer = ScorerPart(senders[kept], DenseScorerGradients({name: value[kept] for name, value in gradients.items()}))
        return replace(self.only(chosen[self.segments]), scorer=(scorer,) if gradients else ())

    def only(self, rows: Tensor) -> "Upload":
        """Return the upload with the marked rows only, [n] bool."""
        return Upload.of_rows(self.clients, self.items[rows], self.segments[rows], self.rows[rows], self.scorer)

    def scorer_total(self) -> dict[str, Tensor]:
        """Return the gradients of the scorer summed over all clients, {name: [...]}; empty if nobody sent any."""
        total: dict[str, Tensor] = {}
        for part in self.scorer:
            for name, value in part.gradients.total().items():
                total[name] = total[name] + value if name in total else value
        return total

    def scorer_rows(self) -> tuple[Tensor, dict[str, Tensor]]:
        """Return who sent gradients of the scorer, as ascending positions [c] in `clients`, and these gradients, {name: [c, ...]}."""
        parts = [part.gradients.per_client() for part in self.scorer]
        if not parts:
            return self.clients[:0], {}
        senders, order = torch.cat([part.senders for part in self.scorer]).sort()
        return senders, {name: torch.cat([part[name] for part in parts])[order] for name in parts[0]}
