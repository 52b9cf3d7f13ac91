"""Which options tell runs apart, what is averaged, what is doubted, and which mistakes end in one line."""

import itertools
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedrec.comparison.comparing import Comparison, compare
from fedrec.comparison.reading import collect
from fedrec.comparison.varying import completed, text, varying
from fedrec.config.validation import ConfigError
from tests.comparison.made_up_runs import run_folder, summary, untargeted


def runs(folder: Path, *content: dict[str, Any]) -> pd.DataFrame:
    for number, one in enumerate(content):
        run_folder(folder / str(number), one)
    return collect(folder)


def grid(folder: Path) -> pd.DataFrame:
    """Two attacks, two defenses, two seeds; the attacks have an option each that the other has not."""
    options = {"none": {}, "a": {"attack__N": 5}, "b": {"attack__M": 7}}
    er = {("a", "none"): 0.4, ("b", "none"): 0.8, ("a", "ours"): 0.2, ("b", "ours"): 0.1}
    return runs(
        folder,
        *(
            summary(attack, defense, seed, er[attack, defense] + seed / 100, 0.5 + (defense == "ours") / 10 - seed / 50, **options[attack])
            for attack, defense, seed in itertools.product("ab", ("none", "ours"), (0, 1))
        ),
    )


def test_by_default_the_options_that_vary(tmp_path: Path) -> None:
    """Defenses come first. The options of an attack follow from the attack, and are not shown beside it."""
    compared = compare(grid(tmp_path))
    assert list(compared.by) == ["defense", "attack"]
    assert compared.measures == ["best/ER@10", "near_best/ER@10", "best/HR@10"]
    cell = compared.cells["ours", "b"]["best/ER@10"]
    assert (cell.mean, cell.error, cell.n) == (pytest.approx(0.105), pytest.approx(0.005), 2)
    assert compared.notes == ["8 runs, dataset synthetic, model mf."]
    assert compared.marked == {((("ours"), attack), measure) for attack in "ab" for measure in compared.measures}


def test_for_attacks_the_highest_exposure_is_the_best(tmp_path: Path) -> None:
    compared = compare(grid(tmp_path), by=["attack", "defense"], metric="ER@10", at="best")
    assert compared.marked == {(("b", "none"), "best/ER@10"), (("a", "ours"), "best/ER@10")}


def test_runs_that_differ_are_never_averaged(tmp_path: Path) -> None:
    """An option that nobody has named is added and said."""
    table = runs(tmp_path, *(summary("a", "ours", seed, 0.1, 0.5, defense__N=n) for seed in (0, 1) for n in (5, 10)))
    compared = compare(table, by="attack")
    assert list(compared.by) == ["attack", "defense.N"]
    assert set(compared.cells) == {("a", "5"), ("a", "10")}
    assert "defense.N also varies, so it is shown, too: only runs that differ in nothing but the seed are averaged." in compared.notes
    assert list(compare(table).by) == ["defense.N"]


def test_an_option_that_goes_with_the_seed_is_no_seed(tmp_path: Path) -> None:
    assert list(compare(runs(tmp_path, *(summary("a", "none", seed, 0.1, 0.5, model__dim=seed) for seed in (1, 2)))).by) == ["model.dim"]


OPTIONS = ("attack", "defense", "system.a", "system.b")


@given(
    st.lists(st.tuples(*[st.integers(0, 2)] * len(OPTIONS), st.integers(0, 1)), min_size=1, max_size=12), st.sets(st.sampled_from(OPTIONS))
)
def test_only_the_seed_varies_within_a_setting(rows: list[tuple[int, ...]], by: set[str]) -> None:
    table = pd.DataFrame(rows, columns=[*OPTIONS, "seed"])
    for options in (completed(table, sorted(by)), varying(table)):
        for _, group in table.groupby(options) if options else [((), table)]:
            assert len(group[list(OPTIONS)].drop_duplicates()) == 1
    assert completed(table, sorted(by))[: len(by)] == sorted(by)
    assert all(table[name].nunique() > 1 for name in varying(table))


def test_seeds_that_a_setting_lacks_are_told(tmp_path: Path) -> None:
    found = [summary("none", defense, seed, 0.1, 0.5) for defense, seed in (("none", 0), ("none", 1), ("none", 2), ("ours", 0))]
    compared = compare(runs(tmp_path, *found))
    assert "No run with seeds 1, 2: defense=ours." in compared.notes
    assert "10.00 (n=1)" in str(compared)
    assert "No test of 3 numbers against defense=none: fewer than two seeds in common." in str(compared).replace("\n", " ")


def test_other_data_and_other_code_are_doubted(tmp_path: Path) -> None:
    found = [summary("none", defense, 0, 0.1, 0.5) for defense in ("none", "ours")]
    found[1] |= {"data_checksum": "changed", "code": "def"}
    notes = compare(runs(tmp_path, *found)).notes
    assert "Warning: the data changed between runs of dataset=synthetic seed=0, so that means and tests mix different data." in notes
    assert "Warning: the runs come from 2 versions of the code, which may compute different things: abc, def." in notes


def test_seeds_do_not_explain_data_of_another_size(tmp_path: Path) -> None:
    larger = {**summary("none", "none", 1, 0.1, 0.5), "dataset": {"users": 200, "items": 40, "interactions": 900}}
    run_folder(tmp_path / "0", summary("none", "none", 0, 0.1, 0.5))
    run_folder(tmp_path / "1", larger)
    (told,) = [note for note in compare(tmp_path).notes if "different sizes" in note]
    assert "20 users, 30 items, 100 interactions; 200 users, 40 items, 900 interactions" in told


def test_data_that_differ_with_the_seed_are_not_doubted(tmp_path: Path) -> None:
    assert compare(grid(tmp_path)).notes == ["8 runs, dataset synthetic, model mf."]


def test_a_metric_that_one_run_lacks(tmp_path: Path) -> None:
    found = [summary("none", defense, seed, 0.1, 0.5) for defense in ("none", "ours") for seed in (0, 1)]
    del found[3]["best"]["ER@10"]
    compared = compare(runs(tmp_path, *found))
    assert "best/ER@10 is undefined: defense=ours (1 of 2 seeds)." in compared.notes
    assert compared.cells["ours",]["best/ER@10"].n == 1


def test_tests_against_any_reference(tmp_path: Path) -> None:
    table = grid(tmp_path)
    compared = compare(table, by=["attack", "defense"], against={"defense": "ours"})
    assert {setting for setting, _ in compared.tests} == {("a", "none"), ("b", "none")}
    test, corrected = compared.tests[("a", "none"), "best/HR@10"]
    assert (test.pairs, test.difference) == (2, pytest.approx(-0.1))
    assert test.reason == "the difference is the same for every seed, which a t-test cannot judge" and corrected is None
    assert {setting for setting, _ in compare(table).tests} == {("ours", "a"), ("ours", "b")}
    assert compare(table, tested=False).tests == {}


def test_a_reference_without_the_options_of_the_others(tmp_path: Path) -> None:
    """`none` has no N: it is the reference of every N."""
    found = [summary("none", "none", seed, 0.9 - seed / 10, 0.5) for seed in (0, 1)]
    found += [summary("none", "ours", seed, 0.1, 0.5, defense__N=n) for seed in (0, 1) for n in (5, 10)]
    compared = compare(runs(tmp_path, *found))
    assert list(compared.by) == ["defense", "defense.N"]
    assert {setting for setting, _ in compared.tests} == {("ours", "5"), ("ours", "10")}


def test_where_keeps_runs(tmp_path: Path) -> None:
    table = grid(tmp_path)
    assert list(compare(table, where={"attack": "a"}).cells) == [("none",), ("ours",)]
    assert len(compare(table, where={"attack": ["a", "b"], "seed": 1}).cells) == 4
    assert compare(table, where={"attack": "a", "defense": "none"}).by == []


def test_values_may_be_typed_in_any_way(tmp_path: Path) -> None:
    found = [summary("a", "ours", 0, 0.1, 0.5, defense__beta=beta) for beta in (1.0, 0.01)]
    assert len(compare(runs(tmp_path, *found), where={"defense.beta": "1.0"}).table) == 1
    assert compare(tmp_path, against={"defense.beta": "1e-2"}).against == {"defense.beta": "0.01"}


def test_data_sets_do_not_compete(tmp_path: Path) -> None:
    found = [summary("a", "ours", seed, 0.1 * users, 0.5, dataset__users=users) for users in (1, 2) for seed in (0, 1)]
    compared = compare(runs(tmp_path, *found))
    assert list(compared.by) == ["dataset.users"]
    assert not compared.marked and not compared.tests


def test_a_table_that_repeats_rows_counts_a_seed_once(tmp_path: Path) -> None:
    table = grid(tmp_path)
    compared = compare(pd.concat([table, table]))
    assert all(one.n == 2 for cell in compared.cells.values() for one in cell.values())
    assert "8 rows repeat the options and the seed of a later one, which counts." in compared.notes


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"by": "defence"}, r"unknown option defence: no run has it; did you mean defense\?"),
        ({"where": {"atack": "a"}}, r"unknown option atack: no run has it; did you mean attack\?"),
        ({"where": {"attack": "pieck"}}, "no run has attack=pieck: there are a, b"),
        ({"metric": "ER@11"}, r"no run has ER@11 at best: there are ER@10, HR@10, exposed, seconds; did you mean ER@10\?"),
        ({"metric": "best/ER@1"}, r"no run has ER@1 at best: .*; did you mean ER@10\?"),
        ({"at": "bets"}, r"unknown rule bets: there are best, near_best, validation, peak, final, degradation; did you mean best\?"),
        ({"at": "validation"}, "no run has ER@10 at validation"),
        ({"against": {"defense": "nne"}}, r"no run has defense=nne: there are none, ours; did you mean none\?"),
        ({"against": {"model.dim": 4}}, "model.dim does not tell the settings apart, so nothing can be tested against model.dim=4"),
    ],
)
def test_mistakes(tmp_path: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        compare(grid(tmp_path), **options)
    assert "\n" not in str(caught.value)


def test_a_table_of_something_else() -> None:
    with pytest.raises(ConfigError, match=r"this is no table of fedrec\.comparison\.reading\.read_runs: it has no column seed"):
        compare(pd.DataFrame({"a": [1]}))


def test_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no run is left to compare. 1 run is left out \(1 FAILED\)"):
        compare(runs(tmp_path, summary("none", "none", 0, 0.1, 0.5, "FAILED")))


def test_numbers_keep_their_text() -> None:
    assert [text(one) for one in (0.1, 1e-5, 3, 3.0, float("nan"), None, False)] == ["0.1", "1e-05", "3", "3", "", "", "false"]


def test_a_comparison_prints_as_a_table(tmp_path: Path) -> None:
    compared = compare(grid(tmp_path))
    assert isinstance(compared, Comparison) and repr(compared) == str(compared)
    assert compared.table.seeds.tolist() == [2, 2, 2, 2]
    assert compared.table["best/ER@10"].tolist() == pytest.approx([0.405, 0.805, 0.205, 0.105])


def test_what_attacks_without_targets_destroy_is_a_column(tmp_path: Path) -> None:
    """The lowest is the best of the defenses, and the highest of the attacks. Runs without targets have no exposure."""
    lost = {"none": 0.75, "ours": 0.5}
    table = runs(tmp_path, *(untargeted("a", one, seed, lost[one] + seed / 50, 0.1) for one in lost for seed in (0, 1)))
    compared = compare(table)
    assert compared.measures == ["degradation/HR@10", "best/HR@10"]
    cell = compared.cells["ours",]["degradation/HR@10"]
    assert (cell.mean, cell.error, cell.n) == (pytest.approx(0.51), pytest.approx(0.01), 2)
    assert compared.marked == {(("ours",), "degradation/HR@10")}
    assert " degradation is the share that is lost against the same run without the attack." in " ".join(str(compared).split())
    assert compare(table, metric="HR@10", at="degradation").measures == ["degradation/HR@10"]


def test_attacks_with_and_without_targets_stand_side_by_side(tmp_path: Path) -> None:
    """Nothing is said of what has no value because it is not for an attack."""
    lost, shown = untargeted("a", "ours", 0, 0.5, 0.1), summary("b", "ours", 0, 0.25, 0.5)
    compared = compare(runs(tmp_path, lost, shown, summary("none", "ours", 0, 0.0, 0.5)), by="attack", tested=False)
    assert compared.measures == ["best/ER@10", "near_best/ER@10", "degradation/HR@10", "best/HR@10"]
    values = {key[0]: {name: one.n and one.mean for name, one in cell.items()} for key, cell in compared.cells.items()}
    assert values["a"] == {"best/ER@10": 0, "near_best/ER@10": 0, "degradation/HR@10": 0.5, "best/HR@10": 0.1}
    assert values["b"] == {"best/ER@10": 0.25, "near_best/ER@10": 0.26, "degradation/HR@10": 0, "best/HR@10": 0.5}
    assert not any("undefined" in note for note in compared.notes)
    assert compare(collect(tmp_path), by="attack", where={"attack": ["b", "none"]}).measures == [
        "best/ER@10",
        "near_best/ER@10",
        "best/HR@10",
    ]
