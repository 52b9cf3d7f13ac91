"""Bad input ends in one line that names the option, the value, what is allowed and the nearest valid name; exit status 2."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fedrec.config.compose import FOLDER
from tests.cli.program import BOUND_BY_PERMISSIONS, TINY, Ended, fedrec

Program = Callable[..., Ended]

# (arguments, what the line must contain)
CASES = [
    (["attack=pieck_ua"], ["attack=pieck_ua", "none, pieck_ipe, pieck_uea", "did you mean pieck_uea?"]),
    (["defense=[ours,ous]"], ["defense=ous", "did you mean ours?"]),
    (["defense=[median,krum]"], ["defense=[median,krum]: median and krum are server-side rules (aggregators); list one of them"]),
    (["defense=[norm_bound,krum,ours,median]"], ["defense=[krum,median]: krum and median are server-side rules"]),
    (["sytem.loss=bpr"], ["sytem", "did you mean system?"]),
    (["attack=pieck_uea", "attack.batchs=3"], ["attack.batchs", "did you mean attack.batches?"]),
    (["seed=[1"], ["seed=[1", "KEY=VALUE"]),
    (["seed=1,2"], ["seed=1,2", "--multirun"]),
    (["attack=null"], ["attack=null", "takes the name of a choice"]),
    (["attack=3"], ["attack=3", "takes the name of a choice"]),
    (["--hepl"], ["--hepl", "--help"]),
    (["--config-dir", "nowhere"], ["--config-dir nowhere: there is no such folder"]),
    (["--cfg", "job", "attack=pieck_ua"], ["attack=pieck_ua", "did you mean pieck_uea?"]),
    (["+attack.batches=3"], ["attack.batches", "num_targets, targets"]),
    (["+defense.client.ours.beta=3"], ["unknown option defense", "beta"]),
    (["sweep=defense"], ["sweep=defense runs many jobs: add -m"]),
    (["system.malicious_share=0.6"], ["system.malicious_share=0.6", "from 0 to 0.5"]),
    (["evaluation.selection=XX@10"], ["evaluation.selection=XX@10", "must be ER@K, HR@K, full_HR@K or full_NDCG@K"]),
    (["evaluation.k=[]"], ["evaluation.k=[]", "a list of: a whole number >= 1"]),
    (["evaluation.metrics=[mining,ER,HR]"], ["evaluation.mined_sizes = [1, 10, 50, 150]", "at most 60"]),
    (["model.dim=2147483647", "dataset.users=20000", "dataset.interactions=60000"], ["not enough memory", "model.dim"]),
    (["evaluation.metrics=[EX]"], ["evaluation.metrics=[EX]", "did you mean ER?"]),
    (["defense=ours", "defense.beta=-1"], ["defense.beta=-1", "a number >= 0"]),
    (["system.epochs=many"], ["system.epochs=many", "a whole number >= 1"]),
    (["attack=pieck_ipe", "attack.starts=later"], ["attack.starts=later", "first or mined"]),
    (["attack=pieck_ipe", "attack.single_sign=add"], ["attack.single_sign=add", "multiply or divide"]),
    (["attack=pieck_uea", "attack.repetitions=middle"], ["attack.repetitions=middle", "inner or outer"]),
    (["defense=krum", "defense.scorer_share=all"], ["defense", "scorer_share", "all", "clients or senders"]),
    (["defense=ours", "defense.starts=later"], ["defense", "starts", "later", "first or mined"]),
    (["system.loss=foo"], ["system.loss=foo", "bce or bpr"]),
    (["device=tpu"], ["device=tpu", "auto, cpu or cuda"]),
    (["attack=pieck_uea", "attack.N=5000"], ["attack.N", "5000", "60 items"]),
    (["attack.targets=[5000]"], ["attack.targets", "5000"]),
    (["attack.num_targets=60"], ["attack.num_targets = 60", "all 60 items would be targets"]),
    (["system.malicious_share=-0.1"], ["system.malicious_share=-0.1", "from 0 to 0.5"]),
    (["attack=pieck_uea", "attack.N=5", "system.malicious_share=0.01"], ["system.malicious_share = 0.01", "no client of 40"]),
    (["system.client_learning_rate=[1,0.1]"], ["system.client_learning_rate = [1.0, 0.1]"]),
    (["evaluation.k=[10,200]"], ["evaluation.k = [10, 200]", "at most 60"]),
    (["hydra.run.dir=file/run"], ["file/run: Not a directory"]),
    (["attack._target_=os.abort"], ["attack._target_=os.abort is not allowed: attack takes a class of the kind fedrec.interfaces.Attack"]),
    (["attack.targets={_target_:os.abort}"], ["attack.targets is not allowed to hold `_target_`"]),
    (["-m", "sweep=defense", "sweep._target_=os.abort"], ["sweep takes a class of the kind fedrec.sweeps.objectives.Objective"]),
    (["-m", "hydra.launcher._target_=os.abort"], ["hydra/launcher and hydra/sweeper take plug-ins of Hydra", "os.abort"]),
    (["+hydra.callbacks.own._target_=os.abort"], ["+hydra.callbacks.own._target_=os.abort: the command line names no code"]),
    (["+hydra.callbacks.own=${attack}"], ["the command line names no code that Hydra calls"]),
    (["hydra={callbacks: {own: {_target_: os.abort}}}"], ["the command line names no code that Hydra calls"]),
    (["+hydra.job_logging.handlers.own={class: os.abort}"], ["the command line names no code that Hydra calls"]),
    (["hydra.job_logging.handlers.console.class=os.abort"], ["the command line names no code that Hydra calls"]),
    (["-m", "++hydra.sweeper.params={+hydra.callbacks.own._target_: 'os.abort,os.getpid'}"], ["the command line names no code that Hydra"]),
    (["--experimental-rerun", "config.pickle"], ["--experimental-rerun would run what a file says"]),
    (["hydra.verbose=3"], ["Hydra does not allow what one of its own options", "verbose_config"]),
    (["attack=../model/mf"], ["attack=../model/mf: ../model/mf is no name of a choice", "--config-dir"]),
    (["attack=/model/mf"], ["/model/mf is no name of a choice"]),
    (["-m", "attack=none,../model/mf"], ["../model/mf is no name of a choice"]),
    (["-m", "++hydra.sweeper.params={attack: 'none,../model/mf'}"], ["../model/mf is no name of a choice"]),
    (["defense=[ours,../attack/none]"], ["../attack/none is no name of a choice"]),
    (["hydra/launcher=../sweeper/fedrec_basic"], ["../sweeper/fedrec_basic is no name of a choice"]),
    (["--config-name", "../config"], ["--config-name ../config: must be the name of a file"]),
    (["defense=[]"], ["defense=[]: a group takes the name of a choice, or several as [A,B]"]),
    (["~attack"], ["attack is missing: attack=NAME chooses one"]),
    (["defense=[krum,krum]"], ["defense=[krum,krum]: a choice stands twice in the list"]),
    (["-m", "defense=none,[krum,krum]"], ["a choice stands twice in the list"]),
    (["evaluation.k=[5,10,5]"], ["evaluation.k=[5,10,5] is not allowed", "each once"]),
    (["evaluation.metrics=[ER,HR,ER]"], ["evaluation.metrics=[ER,HR,ER] is not allowed", "each once"]),
    (["tracking=mlflow", "tracking.tags=[1]"], ["tracking.tags=[1] is not allowed: tracking.tags takes a mapping, {NAME: VALUE}"]),
    (["tracking=mlflow", "tracking.tags=x"], ["must be a mapping {NAME: VALUE}, where VALUE is text, a whole number"]),
    (["tracking=mlflow", "tracking.tags={note: [1]}"], ["must be a mapping {NAME: VALUE}, where VALUE is text"]),
    (["evaluation.k={a: 1}"], ["evaluation.k={a: 1} is not allowed: evaluation.k takes a list, [A,B]"]),
    (["tracking=mlflow", "tracking.run_name=a=b"], ["quote a value that holds special characters: 'tracking.run_name=\"a=b\"'"]),
    (["defense=ours", "defense.N=glob(*)"], ["glob(...) stands for choices of a group", "defense.N=A,B"]),
    (["seed=${threads}", "threads=${seed}"], ["seed: it refers to itself, perhaps through other options"]),
    (["-m", "seed=${threads}", "threads=${seed}"], ["seed: it refers to itself"]),
    (["seed=" + "[" * 100 + "]" * 100], ["seed=[[[", "too deep in each other"]),
    (["seed=" + "[" * 400 + "]" * 400], ["seed=[[[", "too deep in each other"]),
    (["seed=" + "1" * 5000], ["seed=111", "Exceeds the limit"]),
    (["seed=9223372036854775808"], ["seed=9223372036854775808 is not allowed", "< 9223372036854775808"]),
    (["system.epochs=4611686018427387904"], ["system.epochs=4611686018427387904", "a whole number is at most 4294967295"]),
    (["evaluation.k=[99999999999999999999]"], ["a whole number is at most 4294967295"]),
    (["threads=1000000"], ["threads=1000000 is not allowed: must be a whole number from 1 to 1024 or null"]),
    (["defense=ours", "defense.beta=1e300"], ["defense.beta=1e+300 is not allowed: a number is 0, or between 1e-45 and 3.4e+38 in size"]),
    (["defense=ours", "defense.beta=inf"], ["defense.beta=Infinity is not allowed: must be a number >= 0"]),
    (["model.init_std=1e-300"], ["model.init_std=1e-300 is not allowed: a number is 0, or between"]),
    (["-m", "seed=range(0,10000000000)"], ["seed=range(0,10000000000): a range has at most 100000 values"]),
    (["-m", "seed=range(0,10,0)"], ["its step is not 0"]),
    (["-m", "seed=range(0,1000)", "dataset.users=range(40,1000)"], ["960000 jobs: a sweep has at most 100000"]),
    (["-m", "defense=ours", "defense.beta=interval(0,1)"], ["an interval is for tuning; add sweep=NAME or hydra/sweeper=fedrec_optuna"]),
    (["-m", "hydra.sweeper.max_batch_size=0"], ["hydra.sweeper.max_batch_size=0 is not allowed: must be a whole number >= 1 or null"]),
    (["-m", "hydra.sweeper.params=[1]"], ["hydra.sweeper.params=[1] is not allowed: must be a mapping"]),
]
OPTUNA = ("-m", "hydra/sweeper=fedrec_optuna", "defense=ours", "defense.N=3")
CASES += [
    ([*OPTUNA, "defense.beta=interval(1,1)"], ["search space of defense.beta=interval(1,1): one value is nothing to tune"]),
    ([*OPTUNA, "defense.beta=range(1,2)"], ["one value is nothing to tune"]),
    ([*OPTUNA, "defense.beta=choice(1,1)"], ["search space of defense.beta=choice(1,1): a value stands twice in the list"]),
    ([*OPTUNA, "defense.beta=interval(0,1e300)"], ["search space of defense.beta: defense.beta=1e+300 is not allowed"]),
    ([*OPTUNA, "attack=choice(none,../model/mf)"], ["../model/mf is no name of a choice"]),
    (
        [*OPTUNA, "defense.beta=interval(0,1)", "hydra.sweeper.sampler._target_=os.abort"],
        ["a class of the kind optuna.samplers.BaseSampler"],
    ),
]
FILES = [  # what mine/attack/own.yaml holds; tests/config/test_yaml_files.py has more
    ("- a\n", "own.yaml:1: must hold options"),
    ("a: 1\na: 2\n", "own.yaml:2: found duplicate key a"),
    ("a: !!python/object/apply:os.abort []\n", "own.yaml:1: could not determine a constructor"),
    ("defaults: [own, _self_]\n", "attack/own.yaml: the defaults lists of these files lead back to them"),
    ("", "attack names no class: its yaml needs `_target_: MODULE.CLASS`"),
    ("_target_: os.abort\n", "attack takes a class of the kind fedrec.interfaces.Attack"),
    ("_target_: fedrec.attacks.none.NoAttack\nnum_targets: 1\ntargets: {_target_: os.abort}\n", "attack.targets is not allowed to hold"),
]


def one_line(ended: Ended) -> str:
    assert ended.returncode == 2, ended.stderr
    (line,) = ended.stderr.splitlines()
    assert line.startswith("error: ")
    return line


@pytest.mark.parametrize(("arguments", "expected"), CASES, ids=[" ".join(arguments)[:80] for arguments, _ in CASES])
def test_one_line_and_status_2(program: Program, tmp_path: Path, arguments: list[str], expected: list[str]) -> None:
    (tmp_path / "file").touch()
    line = one_line(program(*TINY, *arguments))
    for part in expected:
        assert part in line


@pytest.mark.parametrize(("content", "expected"), FILES, ids=[expected for _, expected in FILES])
def test_a_file_of_ones_own(program: Program, tmp_path: Path, content: str, expected: str) -> None:
    (tmp_path / "mine/attack").mkdir(parents=True)
    (tmp_path / "mine/attack/own.yaml").write_text(content)
    assert expected in one_line(program("--config-dir", "mine", *TINY, "attack=own"))


def test_the_card_of_a_file_says_what_is_wrong_with_it(program: Program, tmp_path: Path) -> None:
    (tmp_path / "mine/attack").mkdir(parents=True)
    (tmp_path / "mine/attack/own.yaml").write_text("- a\n")
    ended = program("--config-dir", "mine", "--help")
    assert ended.returncode == 0, ended.stderr
    assert "cannot be read" in ended.stdout


def test_files_that_name_each_other(program: Program, tmp_path: Path) -> None:
    (tmp_path / "mine/experiment").mkdir(parents=True)
    for name, other in (("one", "two"), ("two", "one")):
        (tmp_path / f"mine/experiment/{name}.yaml").write_text(f"# @package _global_\ndefaults: [{other}, _self_]\n")
    line = one_line(program("--config-dir", "mine", *TINY, "experiment=one"))
    assert "experiment/one.yaml" in line
    assert "experiment/two.yaml" in line


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["attack._target_=os.abort"], "attack takes a class of the kind fedrec.interfaces.Attack"),
        (["threads=1000000"], "from 1 to 1024"),
        (["seed=${threads}", "threads=${seed}"], "refers to itself"),
        (["--config-dir", "mine", "attack=own"], "own.yaml:4: more than 100000 values, because aliases multiply them"),
    ],
)
def test_what_would_end_or_fill_a_process(tmp_path: Path, arguments: list[str], expected: str) -> None:
    """A process of its own each, which none of them ends."""
    (tmp_path / "mine/attack").mkdir(parents=True)
    lines = ["a: &a [" + ",".join("x" * 100) + "]"]
    lines += [f"{name}: &{name} [{','.join([f'*{before}'] * 100)}]" for before, name in ("ab", "bc", "cd", "de", "ef", "fg")]
    (tmp_path / "mine/attack/own.yaml").write_text("\n".join([*lines[:1], "n: 1", *lines[1:]]))
    assert expected in one_line(fedrec(tmp_path, *TINY, *arguments))


def test_a_mapping_and_an_equals_sign_as_values(program: Program, tmp_path: Path) -> None:
    """An option that is an empty mapping takes keys, and quotes keep `=`."""
    ended = program("--cfg", "job", *TINY, "tracking=mlflow", "tracking.tags={note: x}", 'tracking.run_name="a=b"', "dataset={users: 41}")
    assert ended.returncode == 0, ended.stderr
    assert "note: x" in ended.stdout
    assert "run_name: a=b" in ended.stdout
    assert "users: 41" in ended.stdout


def test_the_real_program(tmp_path: Path) -> None:
    """What is wrong with Hydra's names and with a value, in a process of its own; HYDRA_FULL_ERROR adds the traceback."""
    assert "did you mean pieck_uea?" in one_line(fedrec(tmp_path, *TINY, "attack=pieck_ua"))
    result = fedrec(tmp_path, *TINY, "seed=x", HYDRA_FULL_ERROR="1")
    assert result.returncode == 2
    assert "Traceback" in result.stderr
    assert result.stderr.splitlines()[-1].startswith("error: seed=x")


@pytest.mark.skipif(bool(BOUND_BY_PERMISSIONS) and not shutil.which("setpriv"), reason="permissions do not bind root")
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["hydra.run.dir=read_only/run"], "read_only/run: Permission denied"),
        pytest.param(["tracking=mlflow", "tracking.uri=sqlite:///read_only/mlflow.db"], "/read_only is read-only", marks=pytest.mark.slow),
        (["tracking=mlflow", "tracking.uri=sqlite:///read_only.db"], "/read_only.db is read-only"),
        pytest.param(["dataset=ml100k", "dataset.cache=read_only"], "dataset.cache: cannot write", marks=pytest.mark.slow),
    ],
)
def test_a_place_that_is_read_only(tmp_path: Path, arguments: list[str], expected: str) -> None:
    (tmp_path / "read_only").mkdir(mode=0o500)
    (tmp_path / "read_only.db").touch(mode=0o400)
    data = () if "dataset=ml100k" in arguments else TINY
    assert expected in one_line(fedrec(tmp_path, *data, *arguments, bound=BOUND_BY_PERMISSIONS))


def test_two_defenses_of_the_same_half(program: Program, tmp_path: Path) -> None:
    """Two client-side defenses are an error in any job of a sweep. One that builds on another only sets its options; halves go together."""
    (tmp_path / "mine/defense").mkdir(parents=True)
    (tmp_path / "mine/defense/other.yaml").write_text("client:\n  other:\n    _target_: fedrec.defenses.ours.PopularityRegularizer\n")
    (tmp_path / "mine/defense/mine.yaml").write_text("defaults: [ours, _self_]\nbeta: 2.0\n")
    for choice in (["defense=[ours,other]"], ["-m", "defense=none,[ours,other]"]):
        line = one_line(program("--config-dir", "mine", *TINY, *choice))
        assert "defense=[ours,other]: ours and other are client-side defenses; list one of them" in line
    assert "(job 1 of the sweep: " in line
    result = program("--config-dir", "mine", *TINY, "defense=[ours,mine,norm_bound,median]")
    assert result.returncode == 0, result.stderr


def test_a_model_without_system_settings(program: Program, tmp_path: Path) -> None:
    (tmp_path / "mine/model").mkdir(parents=True)
    shutil.copy(FOLDER / "model/mf.yaml", tmp_path / "mine/model/mine.yaml")
    line = one_line(program("--config-dir", "mine", *TINY, "model=mine"))
    assert "there is no system/mine.yaml" in line
    assert "or choose system=mf or system=ncf" in line
    assert program("--config-dir", "mine", *TINY, "model=mine", "system=mf").returncode == 0


@pytest.mark.parametrize("arguments", [["attack=pieck_uea", "attack.N=5,0"], ["attack=pieck_uea,none", "attack.N=5"]])
def test_a_mistake_in_any_job_stops_a_sweep_before_the_first(program: Program, tmp_path: Path, arguments: list[str]) -> None:
    """Even if the launcher gets one job at a time."""
    line = one_line(program(*TINY, "--multirun", "attack.batches=1", "hydra.sweeper.max_batch_size=1", *arguments))
    assert "attack.N" in line
    assert "job 1 of the sweep: " in line
    assert not list(tmp_path.rglob("summary.json"))


def test_a_job_that_does_not_fit_the_data_leaves_the_others_alone(program: Program, tmp_path: Path) -> None:
    result = program(*TINY, "--multirun", "attack=pieck_uea", "attack.batches=1", "attack.N=5,500,6")
    assert result.returncode == 2
    assert result.stderr.splitlines()[-1] == "error: attack.N = 500: at most 59 of the 60 items can be mined"
    assert sorted(path.parent.name for path in tmp_path.rglob("summary.json")) == ["0", "2"]


def test_a_loss_that_is_not_a_number_names_round_and_cause(program: Program) -> None:
    result = program(*TINY, "system.learning_rate=1e30", "system.epochs=50")
    assert result.returncode == 2
    last = result.stderr.splitlines()[-1]
    assert last.startswith("error: round ")
    assert "system.learning_rate = 1e+30 is probably too high" in last


@pytest.mark.parametrize(("content", "expected"), [("0 1 2\n1 x\n", "train.txt:2: "), ("", "train.txt")])
def test_a_malformed_or_empty_file(program: Program, tmp_path: Path, content: str, expected: str) -> None:
    (tmp_path / "train.txt").write_text(content)
    (tmp_path / "test.txt").write_text("0 3\n1 3\n")
    assert expected in one_line(program("dataset=presplit", f"dataset.root={tmp_path}", "tracking=none"))
