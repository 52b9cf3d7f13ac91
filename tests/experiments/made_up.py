"""Made-up measurements."""

from experiments.analysis.measured import Measured, MeasuredCell
from experiments.analysis.tables import TABLES, printed

RULES = {"table2": "final", "table8": "dataset"}


def as_printed(shift: float = 0.0) -> Measured:
    """Return what would have been measured if the paper's numbers were exact, but for so many points."""
    cells = {}
    for table in TABLES:
        found = []
        for choices, values in printed(table):
            scaled = {
                name: (value + shift) / (100 if name[:3] in ("ER@", "HR@") or name == "sparsity" else 1) for name, value in values.items()
            }
            rules = {rule: {"epoch": 1, **scaled} for rule in ("best", "final", RULES.get(table, "best"))}
            curve = {"epoch": [1], **{name: [value] for name, value in scaled.items()}}
            runs = {seed: {**rules, "curve": curve} for seed in range(3)}
            found.append(MeasuredCell(f"paper/{table}", choices, choices.get("dataset", "ml100k"), runs))
        cells[f"paper/{table}"] = found
    return Measured(cells)
