"""A DataFrame that processes of launchers shall read, and that makes it possible to run a job again."""

from pathlib import Path
from typing import TYPE_CHECKING

from fedrec.api.arguments_given import set_to

if TYPE_CHECKING:
    import pandas as pd

DATA = "data.parquet"


def kept(data: "pd.DataFrame", folder: Path) -> str:
    """Keep the data in a folder, which is made if there is none. Return the override with which dataset=table reads them."""
    from fedrec.data.table.columnar import write_frame

    folder.mkdir(parents=True, exist_ok=True)
    write_frame(data, folder / DATA)
    return set_to("dataset.path", folder / DATA)
