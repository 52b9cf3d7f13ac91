"""The bar of a campaign."""

from fedrec.campaigns.cells import Cell
from fedrec.campaigns.estimates import Estimates
from fedrec.campaigns.progress import shown

CELLS = [Cell("paper/table8", (f"attack.N={number}", "defense=[ours,krum]"), "ml100k", 0, "", "", str(number)) for number in range(3)]


class Halfway:
    """A store in which one run has ended and one has failed."""

    def results(self):
        return {"0": {"best": {"ER@10": 0.25, "HR@10": 0.5}, "seconds": {"total": 1.5}}}

    def failures(self, cells):
        return [(cell, "reason") for cell in cells if cell.key == "1"]

    def running(self):
        return ["table8 attack.N=2 defense=[ours,krum] seed=0"]


def test_a_line_for_every_run_that_ends_and_the_number_of_runs_that_are_over(capsys):
    with shown(Halfway(), CELLS, Estimates([]), workers=1):
        pass
    text = capsys.readouterr().err
    assert text.count("table8 attack.N=0 defense=[ours,krum] seed=0: ER@10 25.00%, HR@10 50.00% (1.5 s)") == 1
    assert "2/3" in text and "left" in text and "table8 attack.N=2 defense=[ours,krum] seed=0" in text
