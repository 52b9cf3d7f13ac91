"""What a comparison looks like: on terminals of several widths, in Markdown, LaTeX, CSV and HTML."""

import csv
import io
import itertools
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from rich.console import Console

from fedrec.comparison.comparing import Comparison, compare
from fedrec.comparison.latex_table import as_latex, escaped
from fedrec.comparison.markdown_table import as_markdown
from fedrec.comparison.text_table import print_text
from tests.comparison.made_up_runs import run_folder, summary

DEFENSES = ("none", "median", "[ours,krum]", "trimmed_mean", "centered_clipping", "geometric_median")


def compared(folder: Path, n_attacks: int = 2, n_defenses: int = 3, **options: list[int]) -> Comparison:
    """Return attacks against defenses with two seeds, and an option more with these values."""
    names = [f"attack_{'abcdef'[number]}" for number in range(n_attacks)]
    more = [dict(zip(options, values, strict=True)) for values in itertools.product(*options.values())]
    cases = itertools.product(names, DEFENSES[:n_defenses], more, (0, 1))
    for number, (attack, defense, option, seed) in enumerate(cases):
        er = (1 + len(attack + defense) % 7 + ord(attack[-1]) % 5) / 16 + seed * 0.003 * (2 + len(defense) % 3)
        run_folder(folder / str(number), summary(attack, defense, seed, er, 0.5 + len(defense) / 100 + seed / 50, **option))
    return compare(folder)


def printed(comparison: Comparison, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    print_text(comparison, console)
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_two_options_make_a_matrix(tmp_path: Path) -> None:
    lines = printed(compared(tmp_path), 80)
    assert lines[0].split() == ["attack", "attack"] and lines[1].split() == ["defense", "attack_a", "attack_b"]
    rows = [line for line in lines if re.search(r"ER@10 best +\d", line)]
    assert [line.split()[0] for line in rows[:3]] == ["none", "median", "[ours,krum]"]
    assert any(line.startswith("Mean ± standard error over 2 seeds, in percent.") for line in lines)


def test_a_list_is_no_markup(tmp_path: Path) -> None:
    compared(tmp_path)
    text = str(compare(tmp_path, by=["attack", "defense"], metric="ER@10", at="best"))
    assert text.splitlines()[1].split() == ["attack", "none", "median", "[ours,krum]"]


@pytest.mark.parametrize("width", [80, 100, 160])
@pytest.mark.parametrize(("n_attacks", "n_defenses"), [(1, 1), (2, 3), (6, 6)])
def test_no_line_is_broken_where_numbers_stand(tmp_path: Path, width: int, n_attacks: int, n_defenses: int) -> None:
    comparison = compared(tmp_path, n_attacks, n_defenses)
    lines = printed(comparison, width)
    assert max(map(len, lines)) <= width
    whole = "\n".join(lines[: next(place for place, line in enumerate(lines) if line.startswith("Mean ±"))])
    numbers = re.findall(r"\d+\.\d+ ± \d+\.\d+", whole)
    assert len(numbers) == 3 * n_attacks * n_defenses
    assert ("attack_a  " in whole) == (n_attacks > 1)


def test_a_third_option_makes_rows(tmp_path: Path) -> None:
    lines = printed(compared(tmp_path, 2, 2, defense__N=[5, 10], model__dim=[2, 4]), 100)
    assert lines[1].split()[:4] == ["attack", "dim", "defense", "N"]
    assert sum(bool(re.search(r"\d ± \d", line)) for line in lines if "attack_" in line) >= 16


def test_where_nothing_else_fits_a_row_is_a_number(tmp_path: Path) -> None:
    comparison = compared(tmp_path, 2, 2, defense__N=[5, 10], model__dim=[2, 4])
    lines = printed(comparison, 62)
    assert max(map(len, lines)) <= 62
    assert sum("ER@10 near_best" in line for line in lines if "±" in line) == 16


def test_what_is_best_and_what_differs_is_marked(tmp_path: Path) -> None:
    for number, (defense, seed) in enumerate(itertools.product(("none", "ours"), range(8))):
        er = 0.9 - seed / 100 if defense == "none" else seed / 1000
        run_folder(tmp_path / str(number), summary("a", defense, seed, er, 0.5 + seed * seed / 1000))
    comparison = compare(tmp_path, metric=["ER@10", "HR@10"], at="best")
    text = " ".join(str(comparison).split())
    assert "0.35 ± 0.09*†" in text  # seeds 0 to 7 in thousandths: mean 3.5, standard error 0.87
    assert "86.50 ± 0.87" in text and "86.50 ± 0.87*" not in text
    assert "* the best defense (lowest ER@10, highest HR@10), and whatever lies within one standard error of it." in text
    assert "† differs from defense=none: p < 0.05, two-sided, after Holm's correction for 2 tests over seeds" in text
    assert "(1 times Wilcoxon signed-rank test on 8 pairs, 1 times all equal on 8 pairs)" in text
    assert re.search(r"ours ER@10 best -86\.15 ± 0\.95 Wilcoxon 8 0\.008 0\.016", text)


def test_too_few_seeds_are_told(tmp_path: Path) -> None:
    """With six pairs the smallest p of Wilcoxon's test is 1/32, which is above 0.05 after a correction for two tests."""
    for number, (defense, seed) in enumerate(itertools.product(("none", "ours"), range(6))):
        run_folder(
            tmp_path / str(number), summary("a", defense, seed, 0.9 - seed / 100 - (defense == "ours") / 2, 0.5 + seed * seed / 1000)
        )
    text = " ".join(str(compare(tmp_path, metric=["ER@10", "HR@10"], at=["best", "final"])).split())
    told = "No difference from defense=none is significant: p is at least 0.05, two-sided, after Holm's correction for 4 tests over seeds"
    assert told in text
    text = " ".join(str(compare(tmp_path, metric="ER@10", at=["best", "final"])).split())
    assert "So few seeds cannot show a difference in 2 tests, even if all of them agree; 7 seeds can." in text
    assert "†" not in text
    assert "† differs from defense=none" in " ".join(str(compare(tmp_path, metric="ER@10", at="best")).split())


def test_digits_follow_the_standard_error(tmp_path: Path) -> None:
    for seed in (0, 1):
        run_folder(tmp_path / str(seed), summary("a", "none", seed, 0.1 + seed / 10, 0.5))
    assert "15.0 ± 5.0" in str(compare(tmp_path))
    assert "50.00 ± 0.00" in str(compare(tmp_path))


def test_markdown_is_read_as_a_table(tmp_path: Path) -> None:
    comparison = compared(tmp_path)
    html = MarkdownIt("commonmark").enable("table").render(as_markdown(comparison))
    assert html.count("<table>") == 2 and "attack=attack_a" in html and "[ours,krum]" in html
    assert html.count("<strong>") == len(comparison.marked)


def latex(comparison: Comparison) -> str:
    return f"\\documentclass{{article}}\n\\usepackage{{booktabs}}\n\\begin{{document}}\n{as_latex(comparison)}\\end{{document}}\n"


def test_latex_has_what_booktabs_needs(tmp_path: Path) -> None:
    comparison = compared(tmp_path)
    text = as_latex(comparison)
    for name in ("toprule", "bottomrule"):
        assert text.count(f"\\{name}") == 1
    columns = re.search(r"\\begin\{tabular\}\{(l+)(r+)\}", text)
    assert columns and (len(columns[1]), len(columns[2])) == (2, 2)
    rows = [line for line in text.splitlines() if line.endswith(r" \\")]
    assert len(rows) == 1 + 3 * 3 and all(line.count(" & ") == 3 for line in rows)
    assert r"attack=attack\_a" in text and r"{[}ours,krum{]}" in text and r" $\pm$ " in text
    assert not re.search(r"(?<!\\)_|±|†", text)
    assert text.count(r"\textbf{") == len(comparison.marked)


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="needs pdflatex")
@pytest.mark.slow
def test_latex_compiles(tmp_path: Path) -> None:
    run_folder(tmp_path / "odd", summary("a&b_%#$~^\\{}<>|", "none", 0, 0.1, 0.5))
    (tmp_path / "table.tex").write_text(latex(compared(tmp_path)), encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "table.tex"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="latin-1", check=False)
    assert result.returncode == 0, result.stdout[-2000:]
    assert (tmp_path / "table.pdf").stat().st_size > 10_000


def test_latex_escapes_every_sign() -> None:
    assert escaped(r"\&") == r"\textbackslash{}\&"


def test_csv_has_every_number(tmp_path: Path) -> None:
    comparison = compared(tmp_path)
    comparison.save(tmp_path / "table.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "table.csv").read_text(encoding="utf-8"))))
    assert [(row["defense"], row["attack"], row["seeds"]) for row in rows] == [(*setting, "2") for setting in comparison.cells]
    cell = comparison.cells["median", "attack_b"]["best/ER@10"]
    row = next(row for row in rows if (row["defense"], row["attack"]) == ("median", "attack_b"))
    assert (float(row["best/ER@10"]), float(row["best/ER@10_stderr"])) == (cell.mean, cell.error)
    test, corrected = comparison.tests[("median", "attack_b"), "best/ER@10"]
    assert row["best/ER@10_test"] == test.name and float(row["best/ER@10_pairs"]) == 2
    assert (float(row["best/ER@10_p"]), float(row["best/ER@10_p_holm"])) == (test.p, corrected)


def test_html_shows_foreign_text_as_it_is(tmp_path: Path) -> None:
    for number, attack in enumerate(("<script>", "b")):
        run_folder(tmp_path / str(number), summary(attack, "none", 0, 0.1 + number, 0.5))
    html = compare(tmp_path)._repr_html_()
    assert "<script>" not in html and "&lt;script&gt;" in html and "<b>110.00</b>" in html
