"""Ranges of options. `fedrec.config` checks every yaml against the annotations of the constructor that it names."""

from typing import Annotated

from pydantic import Field

Positive = Annotated[int, Field(ge=1)]
Countable = Annotated[int, Field(ge=1, le=2**31 - 1)]  # the product of two still fits 64 bits
NonNegative = Annotated[float, Field(ge=0)]
Rate = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=0.5)]
