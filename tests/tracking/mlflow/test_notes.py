import pytest

from fedrec.tracking.mlflow.notes import GAP, experiment_note, is_ours, percent, run_note, signed, table, verdict
from tests.tracking.runs import SUMMARY

ABOUT = {"attack": "pieck_uea", "defense": "ours", "model": "mf", "dataset": "tiny", "exposure": "ER@10", "quality": "HR@10"}


def test_a_note_is_ours_until_somebody_changes_it() -> None:
    note = signed("The result.")
    assert is_ours(None) and is_ours("") and is_ours(note)
    assert not is_ours("The result.")
    assert not is_ours(note.replace("result", "Result"))
    assert not is_ours(f"{note}\n\nMine.")
    assert is_ours(experiment_note("ER@5", "HR@5"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "The target item reaches **87.5 %** of the users at the best epoch (HR@10 50.0 %), without an attack."),
        ({"malicious_clients": 3}, "The target item reaches **87.5 %** of the users at the best epoch (HR@10 50.0 %)."),
        (
            {"target_items": [1, 2], "malicious_clients": 3},
            "The 2 target items reach **87.5 %** of the users at the best epoch (HR@10 50.0 %).",
        ),
        ({"best": {"HR@10": 0.5}}, "The best epoch has HR@10 50.0 %."),  # ER is undefined
        ({"best": None, "status": "KILLED"}, "The run was interrupted. There is no evaluation."),
        ({"best": {"HR@10": 0.5}, "status": "PRUNED"}, "The sweep ended the run early. The best epoch has HR@10 50.0 %."),
    ],
)
def test_the_result_in_a_sentence(changes: dict, said: str) -> None:
    assert verdict({**SUMMARY, **changes}, "ER@10", "HR@10") == said


def test_the_note_of_a_run_without_a_picture() -> None:
    note = run_note("f00", {**SUMMARY, "status": "FINISHED"}, ABOUT, has_picture=False)
    assert "Attack `pieck_uea`, defense `ours`, model `mf`, data set `tiny`; 6 rounds in 2 s." in note
    assert "![" not in note
    assert "| ER@10 | 87.5 % | 25.0 % | 100.0 % |" in note.replace(GAP, "")
    assert is_ours(note)


def test_a_cell_cannot_break_a_table() -> None:
    assert table(("a",), [("x|y",)]).replace(GAP, "").splitlines() == ["| a |", "| --- |", "| x\\|y |"]
    assert percent(None) == "-"
