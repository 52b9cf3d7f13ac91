"""The notebook that a stranger opens first: what is committed of it, and that it shows the same when it is run."""

import base64
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.cli.program import ROOT

NOTEBOOK = ROOT / "experiments/notebooks/quickstart.ipynb"
SHOWN = {  # what a cell does -> the exposure of the target that it must show
    "honest = fedrec.run": (0.0, 0.05),
    "attacked = fedrec.run": (0.5, 1.0),
    "defended = fedrec.run": (0.0, 0.1),
}


def read():
    return nbformat.read(NOTEBOOK, as_version=4)


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def text(cell):
    """What a cell shows as plain text."""
    return "\n".join(output["data"]["text/plain"] if "data" in output else output["text"] for output in cell.outputs)


def look(notebook):
    """Check what the cells show, not to the last digit, because another machine rounds in another way."""
    cells = code(notebook)
    for cell in cells:
        assert [output.output_type for output in cell.outputs if output.output_type not in ("display_data", "execute_result")] == []
        for start, (least, most) in SHOWN.items():
            if cell.source.startswith(start):
                assert least <= float(re.search(r"round 80/80  ER@10 (\d\.\d+)  HR@10 0\.\d+$", text(cell), re.MULTILINE)[1]) <= most
    attacked, defended = (text(cell) for cell in cells if ".recommend(" in cell.source)
    assert re.search(r"^0 +1 +film 299 .* True$", attacked, re.MULTILINE) and "film 299" not in defended
    (compared,) = (text(cell) for cell in cells if "fedrec.compare(" in cell.source)
    rows = {
        row.split()[0]: row.split()[3:] for row in compared.splitlines() if re.match(r"(none|pieck_uea) +ER@10 near_best +[\d.]+ ±", row)
    }
    assert float(rows["none"][0]) < 5 and float(rows["pieck_uea"][0]) > 50 > 10 > float(rows["pieck_uea"][3])


def test_what_is_committed():
    """Each cell has a sentence before it and what it shows below it, all in one run, and nothing that only this machine would show."""
    notebook = read()
    cells = [cell.cell_type for cell in notebook.cells]
    assert cells[:2] == ["markdown", "markdown"] and cells[1:] == ["markdown", "code"] * (len(cells) // 2)
    assert [cell.execution_count for cell in code(notebook)] == list(range(1, len(cells) // 2 + 1))
    look(notebook)
    pictures = [output["data"]["image/png"] for cell in code(notebook) for output in cell.outputs if "image/png" in output.get("data", {})]
    assert len(pictures) == 1 and len(base64.b64decode(pictures[0])) < 60_000
    assert not re.search(r"/(tmp|home|root|work)\b|site-packages|\d seconds", NOTEBOOK.read_text(encoding="utf-8"))


def test_its_links_lead_somewhere():
    links = re.findall(r"\]\(([^)#]+)", "\n".join(cell.source for cell in read().cells if cell.cell_type == "markdown"))
    assert len(links) == 4 and all((NOTEBOOK.parent / link).exists() for link in links)


@pytest.mark.slow
def test_it_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    notebook = read()
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    look(notebook)
    assert len(list(tmp_path.rglob("summary.json"))) == 15
    assert Path(tmp_path / "multirun").is_dir() and not (tmp_path / "mlflow.db").exists()
