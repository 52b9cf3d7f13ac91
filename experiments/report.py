"""Writes the report of what has been measured: `python -m experiments.report [folder=multirun/paper] [to=experiments/results]`.

  folder=multirun/paper    the folder in which `python -m experiments.paper` has put its results
  storage=postgresql+psycopg://USER@HOST/DATABASE   or the database in which it has put them
  runs=FILE                or the runs.parquet of a report, which holds every run
  to=experiments/results   the folder of the report: README.md, report.html (interactive, opens offline), a PNG of each figure, data/

Exit status: 0 the report is written, 2 bad input.
"""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.analysis.figures import Figure, figures
from experiments.analysis.measured import Measured
from experiments.analysis.tables import TABLES, comparisons
from experiments.options import STORE
from experiments.planned_cells import experiments
from experiments.render.markdown import markdown
from experiments.render.page import page
from experiments.render.plots import draw
from fedrec.campaigns.store import Store, read_table
from fedrec.cli.ending import exit_after
from fedrec.cli.errors import explain, show
from fedrec.cli.terminal_width import fitted
from fedrec.config.validation import ConfigError, unknown
from fedrec.sweeps.study_storage import FILE, locate

if TYPE_CHECKING:
    import pandas as pd

DEFAULTS = {"folder": "multirun/paper", "storage": "", "runs": "", "to": "experiments/results"}


def main(arguments: Sequence[str]) -> int:
    """Run the command line and return the exit status."""
    if {"--help", "-h"} & set(arguments):
        print(fitted(__doc__ or ""))
        return 0
    try:
        options = _parse(arguments)
        print(_write(_runs(options), Path(options["to"])))
    except (ConfigError, OSError) as error:
        return show(error, explain(error))
    return 0


def _parse(arguments: Sequence[str]) -> dict[str, str]:
    options = dict(DEFAULTS)
    for argument in arguments:
        name, equals, text = argument.partition("=")
        if not equals or name not in options:
            raise unknown(name, options) if equals else ConfigError(f"{argument}: expected KEY=VALUE or --help")
        options[name] = text
    return options


def _runs(options: dict[str, str]) -> "pd.DataFrame":
    """Return the table of all runs. Raises ConfigError if there is none."""
    if options["runs"]:
        return read_table(Path(options["runs"]))
    folder = Path(options["folder"]).absolute()
    if not options["storage"] and not (folder / FILE).is_file():
        raise ConfigError(f"folder={options['folder']}: nothing has been measured there; run python -m experiments.paper first")
    table = Store(locate(options["storage"] or None, folder, "storage"), STORE).table(experiments())
    if table.empty:
        raise ConfigError(f"folder={options['folder']}: nothing has been measured there yet; run python -m experiments.paper")
    return table


def _write(table: "pd.DataFrame", to: Path) -> str:
    """Write all files of the report. Return what was written, in one line."""
    (to / "data").mkdir(parents=True, exist_ok=True)
    measured = Measured.of(table)
    drawn = figures(measured)
    text = markdown(measured, drawn)
    (to / "README.md").write_text(text, encoding="utf-8")
    (to / "report.html").write_text(page(text, drawn), encoding="utf-8")
    for figure in drawn:
        draw(figure, to / f"{figure.name}.png")
        _write_points(figure, to / "data" / f"{figure.name}.csv")
    for name in TABLES:
        _write_comparisons(measured, name, to / "data" / f"{name}.csv")
    table.to_parquet(to / "runs.parquet", index=False, compression="zstd")
    return f"{to}/README.md, report.html, {len(drawn)} figures, data: {len(table)} runs"


def _write_points(figure: Figure, path: Path) -> None:
    """Write every point of a figure: panel, series, x, y, standard error."""
    import pandas as pd

    rows = [
        {"panel": panel.title, "series": series.name, "x": x, "y": y, "error": error}
        for panel in figure.panels
        for series in panel.series
        for x, y, error in zip(series.x, series.y, series.errors or [None] * len(series.x), strict=True)
    ]
    pd.DataFrame(rows).to_csv(path, index=False, float_format="%.6g")


def _write_comparisons(measured: Measured, name: str, path: Path) -> None:
    """Write every number of a table: choices, metric, printed, measured, spread, seeds, the released code's runs, other rules, verdict."""
    import pandas as pd

    rows = [
        {
            **one.choices,
            "metric": one.metric,
            "printed": one.printed,
            "measured": one.measured,
            "error": one.error,
            "lowest": min(one.values, default=None),
            "highest": max(one.values, default=None),
            "seeds": len(one.values),
            "released": " ".join(f"{value:g}" for group in one.released for value in group.values(one.metric)),
            **{rule: one.by(rule) if "@" in one.metric else None for rule in ("near_best", "peak", "exposed", "final")},
            "verdict": one.verdict,
        }
        for one in comparisons(measured, name)
    ]
    pd.DataFrame(rows).to_csv(path, index=False, float_format="%.6g")


if __name__ == "__main__":
    exit_after(partial(main, sys.argv[1:]))
