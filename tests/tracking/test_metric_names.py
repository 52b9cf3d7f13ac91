"""The tables of fedrec/tracking/README.md name every metric and every telemetry that a run records, and nothing else."""

import re
from pathlib import Path

import pytest

import fedrec
from fedrec.conduct import run
from fedrec.config.build import check
from fedrec.config.compose import compose
from fedrec.evaluation.quality import RANKINGS
from fedrec.federation.telemetry import TELEMETRY
from fedrec.interfaces import Callback, Evaluation, RoundResult

README = (Path(fedrec.__file__).parent / "tracking" / "README.md").read_text()
EVERYTHING = f"evaluation.metrics=[ER,{','.join(RANKINGS)},coverage,gini,mining,poison_share,PKL,UCR]"
SMALL = ("dataset=synthetic", "dataset.users=40", "dataset.items=60", "dataset.interactions=600", "system.epochs=6", "tracking=none")
PARTS = (
    "system.clients_per_round=24",
    "attack=pieck_uea",
    "attack.N=10",
    "defense=[ours,krum]",
    "defense.N=10",
    "evaluation.mined_sizes=[1,10]",
)


def table(header: str) -> dict[str, str]:
    """First and second column of the table whose first header this is."""
    rows = README.split(f"| {header} | meaning |\n|---|---|\n")[1].split("\n\n")[0]
    return dict(re.fullmatch(r"\| `(\S+)` \| (.*) \|", row).groups() for row in rows.splitlines())


class Names(Callback):
    def __init__(self) -> None:
        self.metrics: set[str] = set()
        self.telemetry: set[str] = set()

    def on_round_end(self, result: RoundResult) -> None:
        self.telemetry |= result.telemetry.keys()

    def on_evaluation(self, evaluation: Evaluation) -> None:
        self.metrics |= evaluation.metrics.keys()


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> Names:
    """What one run says that has everything: all metrics, an attack, a client-side defense and a rule that selects."""
    names = Names()
    overrides = (*SMALL, *PARTS, EVERYTHING, "dataset.validation=true", "evaluation.max_users=20", "system.malicious_share=0.2")
    run(check(compose(*overrides)), tmp_path_factory.mktemp("run"), [names])
    return names


def test_the_table_of_telemetry_is_what_is_registered() -> None:
    assert table("telemetry") == dict(TELEMETRY)


def test_the_table_of_metrics_is_what_an_evaluation_returns(names: Names) -> None:
    """`validation_` and `_stderr` are explained below the table."""
    found = {name.removeprefix("validation_").removesuffix("_stderr") for name in names.metrics}
    diagnostics = ("mined_top_N@", "mined_popular@", "PKL@", "UCR@")
    assert {re.sub(r"@\d+$", "@N" if name.startswith(diagnostics) else "@K", name) for name in found} == table("evaluation").keys()
    assert {"validation_HR@5", "HR@5_stderr"} <= names.metrics
    assert "`validation_HR@K`" in README
    assert "`NAME_stderr`" in README


def test_a_run_says_no_telemetry_that_is_not_registered(names: Names) -> None:
    assert names.telemetry <= TELEMETRY.keys()


def test_every_registered_telemetry_is_said(names: Names) -> None:
    assert names.telemetry >= TELEMETRY.keys()
