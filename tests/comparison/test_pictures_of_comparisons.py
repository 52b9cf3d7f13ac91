"""Heat maps and scatters: their texts, what can be read by people with any colour vision, and what cannot be drawn."""

import re
from pathlib import Path

import pytest
from matplotlib import colormaps
from PIL import Image

from fedrec.comparison.colours import MAP, MARKERS, PALETTE, readable_on
from fedrec.comparison.comparing import Comparison, compare
from fedrec.comparison.heat_map import heat_map
from fedrec.comparison.scatter import scatter
from fedrec.config.validation import ConfigError
from tests.comparison.made_up_runs import run_folder, summary

POINTS = {"none": (0.8, 0.50), "ours": (0.1, 0.49), "krum": (0.2, 0.40), "$odd": (0.05, 0.30)}  # defense -> ER@10, HR@10


def compared(folder: Path, points: dict[str, tuple[float, float]] = POINTS) -> Comparison:
    number = 0
    for attack in ("a", "b"):
        for defense, (er, hr) in points.items():
            for seed in (0, 1):
                run_folder(folder / str(number), summary(attack, defense, seed, er + seed / 1000, hr))
                number += 1
    return compare(folder)


def texts(file: Path) -> list[str]:
    found = re.findall(r"<text[^>]*>(.*?)</text>", file.read_text(encoding="utf-8"), re.DOTALL)
    return [re.sub("<[^>]+>", "", one).strip() for one in found]


def test_a_heat_map_holds_the_numbers(tmp_path: Path) -> None:
    comparison = compared(tmp_path)
    comparison.save(tmp_path / "map.svg", tmp_path / "map.png", tmp_path / "map.pdf")
    written = texts(tmp_path / "map.svg")
    assert {"defense=none", "defense=$odd", "attack=a", "attack=b", "ER@10 best", "ER@10 near_best", "HR@10 best"} <= set(written)
    assert written.count("80.05 ± 0.05") == 2 and written.count("5.05 ± 0.05*") == 2
    assert min(Image.open(tmp_path / "map.png").size) > 300
    assert (tmp_path / "map.pdf").read_bytes().startswith(b"%PDF")


def test_equal_tables_make_equal_files(tmp_path: Path) -> None:
    comparison = compared(tmp_path)
    for ending in ("svg", "png", "pdf"):
        comparison.save(tmp_path / f"one.{ending}", tmp_path / f"two.{ending}")
        assert (tmp_path / f"one.{ending}").read_bytes() == (tmp_path / f"two.{ending}").read_bytes()


def test_every_number_can_be_read_on_its_colour() -> None:
    """The contrast is at least 4.5, as WCAG 2 demands of text."""

    def luminance(colour: tuple[float, ...]) -> float:
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour[:3]]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for step in range(256):
        colour = colormaps[MAP](step)
        text = {"black": 0.0, "white": 1.0}[readable_on(*colour[:3])]
        low, high = sorted((text, luminance(colour)))
        assert (high + 0.05) / (low + 0.05) >= 4.5


def test_a_scatter_marks_the_front(tmp_path: Path) -> None:
    """No defense has fewer exposures and more hits than one on the front. Markers differ in shape, too."""
    figure = scatter(compared(tmp_path))
    assert len(figure.axes) == 2
    for axes in figure.axes:
        front = next(line for line in axes.get_lines() if line.get_label() == "Pareto front")
        assert list(front.get_xdata()) == pytest.approx([30, 49, 50])
        assert list(front.get_ydata()) == pytest.approx([5.05, 10.05, 80.05])
        assert axes.get_xlabel() == "HR@10 best [%]" and axes.get_ylabel() == "ER@10 best [%]"
        drawn = [container.lines[0] for container in axes.containers]
        assert len({line.get_marker() for line in drawn}) == len({line.get_color() for line in drawn}) == 4
        assert [line.get_markeredgecolor() == "black" for line in drawn] == [True, True, False, True]
    assert [axes.get_title() for axes in figure.axes] == ["attack=a", "attack=b"]


def test_a_scatter_in_a_file(tmp_path: Path) -> None:
    compared(tmp_path).scatter(tmp_path / "scatter.svg")
    assert {"none", "ours", "krum", "$odd", "Pareto front", "attack=a", "HR@10 best [%]"} <= set(texts(tmp_path / "scatter.svg"))


def test_of_attacks_the_front_is_where_more_are_exposed(tmp_path: Path) -> None:
    compared(tmp_path)
    (axes,) = scatter(compare(tmp_path, by=["attack"], where={"defense": "none"}, metric=["ER@10", "HR@10"])).axes
    assert axes.get_title() == ""
    run_folder(tmp_path / "strong", summary("strong", "none", 0, 0.99, 0.6))
    (axes,) = scatter(compare(tmp_path, where={"defense": "none", "seed": 0})).axes
    front = next(line for line in axes.get_lines() if line.get_label() == "Pareto front")
    assert list(front.get_ydata()) == pytest.approx([99])


def test_no_two_of_36_settings_look_alike() -> None:
    from fedrec.comparison.scatter import _style

    assert len({_style(place) for place in range(len(PALETTE) * len(MARKERS))}) == 36


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("map.jpg", r"map\.jpg: the name must end in \.csv, \.md, \.tex, \.png"),
        ("nowhere/map.png", "nowhere/map.png: No such file or directory"),
    ],
)
def test_files_that_cannot_be_written(tmp_path: Path, file: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        compared(tmp_path).save(tmp_path / file)


def test_what_cannot_be_drawn(tmp_path: Path) -> None:
    points = {f"d{number}": (0.1, 0.5) for number in range(101)}
    comparison = compared(tmp_path, points)
    with pytest.raises(ConfigError, match="a heat map shows at most 100 rows and columns, and there are 101 and 2"):
        heat_map(comparison)
    with pytest.raises(ConfigError, match="a scatter shows at most 12 panels, and there are 101"):
        scatter(compare(tmp_path, by=["attack", "defense"]))
    with pytest.raises(ConfigError, match="a scatter needs an exposure and a measure of hits"):
        scatter(compare(tmp_path, metric="ER@10"))
