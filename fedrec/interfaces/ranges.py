"""Ranges of options. `fedrec.config` checks every yaml against the annotations of the constructor that it names."""

from typing import Annotated

from pydantic import Field

Positive = Annotated[int, Field(ge=1)]
NonNegative = Annotated[float, Field(ge=0)]
Rate = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=0.5)]
