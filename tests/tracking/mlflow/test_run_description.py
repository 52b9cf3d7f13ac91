import subprocess
from pathlib import Path

from fedrec.tracking.mlflow.run_description import git_tags, parameters


def test_parameters_of_every_kind() -> None:
    config = {"a": {"b": None, "c": True, "d": [], "e": {}, "f": "text"}, "x@y": 1.5, "long": "z" * 9000}
    flat = parameters(config)
    assert flat.pop("long") == "z" * 6000
    assert flat == {"a.b": "null", "a.c": "true", "a.d": "[]", "a.e": "{}", "a.f": "text", "x_at_y": "1.5"}


def test_git_revision(tmp_path: Path) -> None:
    assert git_tags(tmp_path) == {}
    git = ("git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b")
    (tmp_path / "file").write_text("1")
    for command in (("init", "-q"), ("add", "."), ("commit", "-qm", "first")):
        subprocess.run([*git, *command], check=True)
    tags = git_tags(tmp_path)
    assert len(tags["mlflow.source.git.commit"]) == 40
    assert tags["mlflow.source.git.dirty"] == "false"
    (tmp_path / "file").write_text("2")
    assert git_tags(tmp_path)["mlflow.source.git.dirty"] == "true"
