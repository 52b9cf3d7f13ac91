"""The run without an attack: the same run otherwise, made once, and found again."""

import json
import logging
import multiprocessing
import re
from collections.abc import Iterator
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from fedrec.conduct import run
from fedrec.config.build import check
from fedrec.config.compose import compose
from fedrec.config.validation import ConfigError
from fedrec.experiment import Experiment
from fedrec.federation.system import System
from fedrec.identity.run_identity import RunIdentity
from fedrec.interfaces import Callback, Evaluation, WithoutAttack
from fedrec.references.made_once import References
from fedrec.references.unattacked import unattacked
from tests.references.noise import NOISE, TINY

EVALUATIONS = [Evaluation(5, 1, {"HR@10": 0.25, "ER@10": 0.5})]


def attacked(folder: Path, *overrides: str, callback: Callback | None = None) -> Experiment:
    """A tiny run whose references lie in `folder`."""
    (own := folder / "run").mkdir(exist_ok=True)
    return run(check(compose(*TINY, *NOISE, f"reference={folder}/references", *overrides)), own, [callback or Callback()])


def references(folder: Path) -> list[Path]:
    return sorted((folder / "references").iterdir()) if (folder / "references").exists() else []


class Told(logging.Handler):
    """Keeps what References say."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    caplog.set_level(logging.INFO, "fedrec.references")
    handler, log = Told(), logging.getLogger("fedrec.references")
    log.addHandler(handler)
    yield handler.lines
    log.removeHandler(handler)


@pytest.fixture(autouse=True)
def known_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """The version of the code takes longer to find than a tiny run."""
    monkeypatch.setattr(RunIdentity, "code", "this code")


def test_what_an_attack_destroys_is_in_the_summary(tmp_path: Path, told: list[str]) -> None:
    found = attacked(tmp_path, "defense=median").ended
    (own,) = references(tmp_path)
    clean = json.loads((own / "summary.json").read_text())
    ratios = dict(found["degradation"])
    without = ratios.pop("without")
    assert set(ratios) == {f"{name}@{k}" for name in ("HR", "full_HR", "full_NDCG") for k in (5, 10, 20)}
    for name, lost in ratios.items():
        assert lost == pytest.approx(1 - found["best"][name] / clean["best"][name])
        assert without[name] == clean["best"][name]
    assert (without["folder"], without["name"], without["epoch"]) == (str(own), clean["name"], clean["best"]["epoch"])
    assert [re.sub(r"[\d.]+ s", "N s", line).partition(" lies")[0] for line in told] == [
        "the attack is compared with the same run without it, which comes first; reference=null leaves it out",
        "the run without the attack took N s and",
    ]


def test_the_reference_is_the_run_without_the_attack(tmp_path: Path) -> None:
    """The same numbers, to the last bit, as those of a run with attack=none, and nothing of the attack in what it says of itself."""
    found = attacked(tmp_path, "defense=median").ended["degradation"]["without"]
    (own,) = references(tmp_path)
    clean = json.loads((own / "summary.json").read_text())
    other = run(check(compose(*TINY, "defense=median", "attack=none")), tmp_path / "run", [Callback()]).ended
    assert found["HR@10"] == other["best"]["HR@10"] and found["epoch"] == other["best"]["epoch"]
    assert (clean["status"], clean["malicious_clients"], clean["degradation"]) == ("FINISHED", 0, None)
    assert clean["config"]["choices"]["attack"] == "none" and "strength" not in clean["config"]["attack"]
    assert clean["name"].startswith("no attack · median")


def test_runs_that_differ_in_the_attack_alone_share_it(tmp_path: Path, told: list[str]) -> None:
    first = attacked(tmp_path).ended["degradation"]["without"]
    same = ["attack.strength=3", "system.malicious_share=0.2", "system.malicious_clients=3"]
    assert all(attacked(tmp_path, one).ended["degradation"]["without"] == first for one in same)
    assert len(references(tmp_path)) == 1
    others = ["seed=1", "defense=median", "evaluation.every=2", "dataset.items=61"]
    assert all(attacked(tmp_path, one).ended["degradation"]["without"]["folder"] != first["folder"] for one in others)
    assert len(references(tmp_path)) == 5 and len(told) == 2 * 5


@pytest.mark.parametrize(
    "overrides",
    [["reference=null"], ["attack=none"], ["attack=a_ra"], ["evaluation.selection=ER@10", "attack.num_targets=1"]],
)
def test_nothing_is_compared_where_nobody_asks_or_an_exposure_tells(tmp_path: Path, overrides: list[str]) -> None:
    options = () if overrides[0].startswith("attack=") else NOISE
    own = [f"reference={tmp_path}/references", *overrides]
    assert run(check(compose(*TINY, *options, *own)), tmp_path, [Callback()]).ended["degradation"] is None
    assert not references(tmp_path)


def test_a_run_that_did_not_reach_its_end_is_not_compared(tmp_path: Path) -> None:
    class Interrupting(Callback):
        def on_evaluation(self, evaluation: Evaluation) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        attacked(tmp_path, callback=Interrupting())
    ended = json.loads((tmp_path / "run/summary.json").read_text())
    assert (ended["status"], ended["degradation"], len(references(tmp_path))) == ("KILLED", None, 1)


@pytest.mark.parametrize("damage", ["status", "table"])
def test_what_is_damaged_is_made_anew(tmp_path: Path, told: list[str], damage: str) -> None:
    before = attacked(tmp_path).ended["degradation"]
    (own,) = references(tmp_path)
    if damage == "status":
        (own / "summary.json").write_text((own / "summary.json").read_text().replace("FINISHED", "KILLED"))
    else:
        (own / "evaluations.parquet").write_bytes(b"PAR1")
    assert attacked(tmp_path).ended["degradation"] == before
    assert len(told) == 4


def test_a_reference_that_was_cut_off_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """From its own checkpoint, and so does the run under attack from its own. Nothing differs from a run that nobody disturbed."""
    caplog.set_level(logging.INFO, "fedrec.checkpoints")
    (whole := tmp_path / "whole").mkdir(), (cut := tmp_path / "cut").mkdir()
    options = ["checkpoint.every=1", "system.clients_per_round=8"]
    undisturbed = attacked(whole, *options, f"checkpoint.folder={whole}/checkpoints").ended
    train, rounds = System._train, 0

    def cut_off(self: System) -> Any:
        nonlocal rounds
        rounds += 1
        if rounds in (8, 8 + 15 + 8):  # each in the second epoch: of the reference, and of the attacked run that follows when it goes on
            raise KeyboardInterrupt
        return train(self)

    monkeypatch.setattr(System, "_train", cut_off)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            attacked(cut, *options, f"checkpoint.folder={cut}/checkpoints")
    ended = attacked(cut, *options, f"checkpoint.folder={cut}/checkpoints").ended
    assert [line.partition(", from")[0] for line in caplog.messages if "goes on" in line] == [
        "the run goes on after round 5",
        "the run goes on after round 6",
    ]
    assert ended["best"] == undisturbed["best"]
    for one in (ended, undisturbed):
        one["degradation"]["without"].pop("folder")
    assert ended["degradation"] == undisturbed["degradation"]
    assert not (cut / "checkpoints").exists()


def test_a_folder_that_cannot_be_written_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "references").write_text("")
    with pytest.raises(ConfigError, match=r"^reference=\S+/references: .+; reference=null compares with no run without the attack$"):
        attacked(tmp_path)


def test_options_that_follow_from_the_share_of_malicious_clients_stay(tmp_path: Path) -> None:
    checked = check(compose(*TINY, *NOISE, "defense=krum", "system.malicious_share=0.2", "system.malicious_clients=3"))
    clean = unattacked(checked)
    assert clean.config.system.malicious_share == 0 and clean.config.system.malicious_clients is None
    assert clean.config.defense.malicious_share == 0.2
    parts = checked.parts["defense"].build(), clean.parts["defense"].build()
    assert parts[0] == parts[1]
    assert clean.parts["attack"].build().takes_part is False and clean.parts["tracking"].build() is None


def identity(**options: Any) -> RunIdentity:
    return RunIdentity({"attack": {"_target_": "fedrec.attacks.none.NoAttack"}, **options}, "data")


def test_another_process_waits_and_finds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two want the same run. The second gets what the first makes, once the first has let go of the lock."""
    made: list[Path] = []

    def make(own: Path) -> WithoutAttack:
        made.append(own)
        return WithoutAttack("clean", own, EVALUATIONS)

    store = References(tmp_path)
    store.obtain(identity(), make)
    (own,) = made
    context = multiprocessing.get_context("fork")
    locked, waits = context.Event(), context.Event()
    other = context.Process(target=_make_and_let_go, args=(own, locked, waits))
    other.start()
    assert locked.wait(60)
    acquire = FileLock.acquire

    def acquire_and_tell(self: FileLock, timeout: float | None = None, **options: Any) -> Any:
        if timeout is None:  # the first try has failed
            waits.set()
        return acquire(self, timeout=timeout, **options)

    monkeypatch.setattr(FileLock, "acquire", acquire_and_tell)
    found = store.obtain(identity(), make)
    other.join()
    assert (other.exitcode, len(made)) == (0, 1)
    assert found == WithoutAttack("made by another", own, EVALUATIONS)


def _make_and_let_go(own: Path, locked: Event, waits: Event) -> None:
    from fedrec.saved_runs.measurements import metric_columns
    from fedrec.tracking.parquet_columns import write_columns

    with FileLock(own / "lock"):
        locked.set()
        assert waits.wait(60)
        summary = {"name": "made by another", "status": "FINISHED", "config": {}, "evaluations": 1, "final": None}
        write_columns(own / "evaluations.parquet", [metric_columns(EVALUATIONS)])
        (own / "summary.json").write_text(json.dumps(summary))


def test_changed_code_has_a_reference_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Path] = []

    def make(own: Path) -> WithoutAttack:
        made.append(own)
        return WithoutAttack("clean", own, EVALUATIONS)

    for code in ("old", "new"):
        monkeypatch.setattr(RunIdentity, "code", code)
        References(tmp_path).obtain(identity(), make)
    assert len(set(made)) == 2
