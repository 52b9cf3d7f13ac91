"""What `import fedrec` offers, that it costs nothing until it is used, and that its page shows what works."""

import re
import subprocess
import sys

import matplotlib
import numpy as np
import pandas as pd
import pytest

import fedrec
from tests.cli.program import ENVIRONMENT, ROOT

PAGE = (ROOT / "fedrec/api/README.md").read_text(encoding="utf-8")


def printed(folder, code):
    return subprocess.run([sys.executable, "-c", code], cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=True).stdout


def test_importing_the_package_imports_nothing_heavy(tmp_path):
    """Hardly any module at all: this looks at them, and not at seconds, which depend on the machine."""
    code = """
import sys
import pathlib
before = set(sys.modules)
import fedrec
assert fedrec.__version__ and dir(fedrec)
print(*{name.split(".")[0] for name in set(sys.modules) - before} - {"_typing", "collections", "typing"})
"""
    assert printed(tmp_path, code) == "fedrec\n"


def test_a_mistake_is_answered_before_torch_is_imported(tmp_path):
    code = """
import sys
import fedrec
for call in (fedrec.run, fedrec.sweep, fedrec.audit):
    try:
        call("dataset=nowhere")
    except ValueError as error:
        print(str(error)[:30], *{"mlflow", "pandas", "torch"} & sys.modules.keys())
"""
    assert printed(tmp_path, code) == "dataset=nowhere does not exist\n" * 3


def test_everything_in_the_public_api_is_there():
    assert fedrec.__all__ == ["Result", "__version__", "audit", "compare", "compose", "load", "run", "sweep"]
    assert set(fedrec.__all__) <= set(dir(fedrec))
    for name in fedrec.__all__:
        assert getattr(fedrec, name).__doc__
    for given in (["attack=pieck_uea", "attack.N=7"], ["attack=pieck_uea attack.N=7"], [["attack=pieck_uea", "attack.N=7"]]):
        assert fedrec.compose(*given).attack.N == 7
    with pytest.raises(AttributeError, match="module 'fedrec' has no attribute 'nothing'"):
        fedrec.nothing  # noqa: B018


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("attack=nothing", "attack=nothing does not exist"),
        ("attack.M=3", "unknown option attack.M"),
        (["-m"], "-m: Python"),
        (5, "overrides are"),
    ],
)
def test_what_cannot_be_composed_is_told_in_one_line(given, told):
    with pytest.raises(ValueError, match=f"^{told}[^\n]*$"):
        fedrec.compose(given)


@pytest.mark.parametrize(("name", "told"), [("compare", "nowhere: "), ("audit", "cannot read nowhere: ")])
def test_what_is_a_program_is_a_function_too(tmp_path, name, told):
    code = f"""
import fedrec
first = fedrec.{name}
import fedrec.{name}
for call in (first, fedrec.{name}):
    try:
        call("nowhere")
    except ValueError as error:
        print(error)
"""
    one, other = printed(tmp_path, code).splitlines()
    assert one == other and one.startswith(told)


@pytest.mark.slow
def test_the_types_are_there_for_other_programs(tmp_path):
    (tmp_path / "mine.py").write_text(
        "import fedrec\nimport pandas as pd\nmetrics: pd.DataFrame = fedrec.run(['seed=1'], data=pd.DataFrame()).metrics\n"
        "table: pd.DataFrame = fedrec.sweep('seed=0,1')\nfedrec.load('a').recommend(1, k=3)\nfedrec.run(3)\n"
    )
    command = [sys.executable, "-m", "mypy", "--strict", "mine.py"]
    checked = subprocess.run(command, cwd=tmp_path, env={**ENVIRONMENT, "MYPYPATH": str(ROOT)}, capture_output=True, text=True, check=False)
    assert [line for line in checked.stdout.splitlines() if line.startswith("mine.py") and "error" in line] == [
        'mine.py:6: error: Argument 1 to "run" has incompatible type "int"; expected "str | Sequence[str] | DictConfig"  [arg-type]'
    ]


def purchases(n=3000):
    draw = np.random.default_rng(0)
    users, items = draw.integers(0, 120, n), draw.zipf(1.3, n) % 200
    table = pd.DataFrame({"customer": [f"Customer {user + 700}" for user in users], "sku": [f"B{item:06d}" for item in items]})
    return table.assign(when=pd.date_range("2025-01-01", periods=n, freq="h")).drop_duplicates(["customer", "sku"])


@pytest.mark.slow
def test_the_page_works_as_it_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(matplotlib, "use", None)
    purchases().to_csv("purchases.csv", sep=";", index=False)
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 5
    names: dict[str, object] = {}
    for block in blocks:
        exec(block, names)
    assert names["ended"].summary["status"] == "PRUNED"
    assert len(names["table"]) == 8 and (tmp_path / "mlflow.db").exists()
    assert names["result"].config["choices"]["model"] == "ncf" and names["result"].config["attack"]["N"] == 5
    assert names["config"].model == fedrec.compose("model=ncf").model
