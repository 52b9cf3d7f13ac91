from fedrec.tracking.mlflow.notes import GAP, experiment_note, is_ours, percent, run_note, signed, table
from tests.tracking.runs import SUMMARY

ABOUT = {"attack": "pieck_uea", "defense": "ours", "model": "mf", "dataset": "tiny", "exposure": "ER@10", "quality": "HR@10"}


def test_a_note_is_ours_until_somebody_changes_it() -> None:
    note = signed("The result.")
    assert is_ours(None) and is_ours("") and is_ours(note)
    assert not is_ours("The result.")
    assert not is_ours(note.replace("result", "Result"))
    assert not is_ours(f"{note}\n\nMine.")
    assert is_ours(experiment_note("ER@5", "HR@5"))


def test_the_note_of_a_run_without_a_picture() -> None:
    note = run_note("f00", {**SUMMARY, "status": "FINISHED"}, ABOUT, has_picture=False)
    assert note.startswith(SUMMARY["verdict"])
    assert "Attack `pieck_uea`, defense `ours`, model `mf`, data set `tiny`; 6 rounds in 2 s." in note
    assert "![" not in note
    assert "| ER@10 | 87.5 % | 25.0 % | 100.0 % |" in note.replace(GAP, "")
    assert is_ours(note)


def test_a_cell_cannot_break_a_table() -> None:
    assert table(("a",), [("x|y",)]).replace(GAP, "").splitlines() == ["| a |", "| --- |", "| x\\|y |"]
    assert percent(None) == "-"
