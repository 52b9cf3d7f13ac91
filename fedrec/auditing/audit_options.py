"""What an audit is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from fedrec.campaigns.campaign_options import Seeds, Shared


@dataclass(frozen=True)
class AuditOptions(Shared):
    """What to measure, how long, where and on what; the text of `--help` explains each option."""

    budget: Annotated[float, Field(gt=0)] | None  # seconds of wall time; None: until everything is answered
    attacks: Annotated[Sequence[str], Field(min_length=1)]  # as one types them; those that promote items and those that do not
    defenses: Sequence[str]  # candidates; `none` always takes part
    levels: Annotated[Sequence[Annotated[float, Field(gt=0, lt=1)]], Field(min_length=1)]  # of ER@10, in (0, 1)
    accounts: Sequence[Annotated[int, Field(ge=1)]]  # numbers of fake accounts that are tried in any case
    seeds: Seeds
    quick: bool  # a first look: fewer attacks, defenses and seeds
