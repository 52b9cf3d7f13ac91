"""Pictures of a study."""

from pathlib import Path

import matplotlib
import optuna
import pytest
from optuna.visualization import matplotlib as plots

from fedrec.sweeps.pictures import draw

X = optuna.distributions.FloatDistribution(0, 1)


def study(*directions: str) -> optuna.Study:
    made = optuna.create_study(directions=directions)
    for k in range(4):
        made.add_trial(optuna.create_trial(params={"x": k / 4}, distributions={"x": X}, values=[k, k * k][: len(directions)]))
    return made


def test_a_front_has_a_picture_and_each_of_its_values_has_its_own(tmp_path: Path) -> None:
    draw(study("minimize", "maximize"), ["ER", "HR"], tmp_path)
    assert (tmp_path / "pareto.png").stat().st_size > 5000
    assert {"history_ER.png", "history_HR.png", "slice_ER.png", "slice_HR.png"} <= {path.name for path in tmp_path.iterdir()}


def test_a_picture_that_optuna_cannot_draw_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise ValueError("too few trials")

    for name in ("plot_param_importances", "plot_slice", "plot_contour"):
        monkeypatch.setattr(plots, name, refuse)
    draw(study("minimize"), ["ER"], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["history.png"]


def test_pictures_leave_the_style_of_other_pictures_alone(tmp_path: Path) -> None:
    """Optuna's plots set a style for the whole process, in which the Delta-Norm pictures would lose their frame."""
    before = dict(matplotlib.rcParams)
    draw(study("minimize"), ["ER"], tmp_path)
    changed = {name for name, value in matplotlib.rcParams.items() if value != before[name]}
    assert changed <= {"backend"}
