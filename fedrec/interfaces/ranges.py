"""Ranges of options. `fedrec.config` checks every yaml against the annotations of the constructor that it names."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field


def each_once(values: list[Any]) -> list[Any]:
    """Return a list in which no value is repeated. Raises ValueError otherwise."""
    if any(value in values[:position] for position, value in enumerate(values)):
        raise ValueError("a value is repeated")
    return values


Positive = Annotated[int, Field(ge=1)]
Number = Annotated[int, Field(ge=0)]
Countable = Annotated[int, Field(ge=1, le=2**31 - 1)]  # the product of two still fits 64 bits
NonNegative = Annotated[float, Field(ge=0)]
Rate = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=0.5)]
_QUOTED = """an item's id, in quotes if it is one like 1e5, true or null: 'attack.targets=["1e5"]'"""
ItemId = Annotated[Annotated[int, Field(lt=10**1000)] | str, Field(description=_QUOTED)]
EachOnce = AfterValidator(each_once)  # Annotated[list[...], EachOnce]
