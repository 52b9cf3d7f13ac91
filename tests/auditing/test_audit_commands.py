"""The commands that an audit tells are those that were given."""

import shlex

from fedrec.auditing.audit_arguments import asked_for
from fedrec.auditing.audit_commands import audit_command, common_arguments, run_command
from fedrec.config.compose import initialized

DATA = "dataset=synthetic"


def test_a_command_asks_for_the_same_again(tmp_path) -> None:
    (tmp_path / "my own").mkdir()
    own = ("--config-dir", str(tmp_path / "my own"))
    given = (*own, DATA, "device=cuda", "workers=3", "seeds=2", "budget=none", "defenses=[norm_bound,flame]", "tracking=mlflow")
    more = ("launcher=ray", "storage=sqlite:///x.db", "tracking.experiment=mine", "hydra.launcher.ray.init.num_cpus=2", "folder=here")
    with initialized():
        asked = asked_for([*given, *more])
        told = shlex.split(audit_command(asked.options, asked.overrides, asked.passed))
        assert told[:3] == ["python", "-m", "fedrec.audit"] and set(own) < set(told)
        assert asked_for(told[3:]) == asked


def test_what_is_the_default_of_a_machine_is_not_told() -> None:
    with initialized():
        asked = asked_for([DATA])
    told = audit_command(asked.options, asked.overrides, asked.passed)
    assert not any(f"{name}=" in told for name in ("device", "workers", "launcher", "storage", "tracking", "hydra/job_logging"))


def test_a_run_has_its_device_its_own_parts_and_no_password(tmp_path) -> None:
    passed = ("hydra/job_logging=none", f"hydra.searchpath=[{tmp_path.as_uri()}]", "hydra.launcher.n_jobs=2", "tracking.uri=x")
    arguments = ("tracking=mlflow", "device=cuda", DATA, "tracking.uri=postgresql://me:${oc.env:FEDREC_SECRET_1}@host/runs")
    told = shlex.split(run_command(common_arguments(arguments, passed), ["seed=1"]))
    assert told[3:] == [
        "--config-dir",
        str(tmp_path),
        *arguments[:3],
        "tracking.uri=postgresql://me:***@host/runs",
        "reference=null",
        "seed=1",
    ]
