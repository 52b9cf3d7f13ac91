"""`python -m fedrec.data describe`: what a run would read, problems, and mistakes in one line."""

import re
import subprocess
import sys

import pytest

from fedrec.data.__main__ import main
from tests.cli.program import ENVIRONMENT

LOG = "customer;sku;when\n" + "".join(f"C{user};B{(7 * user + step * step) % 50};{step}\n" for user in range(30) for step in range(9))
LOG += "C99;B1;5\n"


def test_describe_in_a_process_of_its_own(tmp_path):
    (tmp_path / "log.csv").write_text(LOG)
    command = [sys.executable, "-m", "fedrec.data", "describe", "log.csv", "user=customer", "dataset.validation=true"]
    done = subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, check=True)
    text = done.stdout
    assert "log.csv: utf-8, values between ';', a header; user = customer, item = sku, time = when\n" in text
    assert re.search(r"users +31 +1 +\d+ +9 +C0, C1, C2", text) and re.search(r"items +\d+ +\d+ +\d+ +\d+ +B0, B1, B4", text)
    assert re.search(r"interactions: \d+, sparsity \d+\.\d+%", text) and "% with the top 1%, " in text and "times: 0 to 8" in text
    assert re.search(r"split: \d+ interactions to train on, 30 test items of 30 users", text)
    assert "note: 1 of 31 users have no test item, so HR is a mean over the others" in text
    assert "note: 1 of 31 users have fewer than 5 interactions (dataset.k_core=5 leaves them out)" in text
    assert max(map(len, text.splitlines())) <= 120 and not done.stderr


def test_equal_times_are_a_problem(tmp_path, capsys):
    (tmp_path / "log.csv").write_text("user,item,time\n1,1,2014-07-01\n1,2,2014-07-02\n1,3,2014-07-02\n2,1,2014-07-01\n2,2,2014-07-03\n")
    assert main(["describe", str(tmp_path / "log.csv")]) == 0
    text = capsys.readouterr().out
    assert "times: 2014-07-01 00:00:00 to 2014-07-03 00:00:00" in text
    assert "note: 1 of 2 users have several interactions at their latest time" in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["describe", "absent.csv"], "error: dataset.path=absent.csv does not exist"),
        (["describe", "log.csv", "usr=customer"], "error: unknown option usr: there are path, user, item,"),
        (["describe", "log.csv", "user"], "error: user: expected OPTION=VALUE, user=COLUMN for instance"),
        (["describe", "log.csv", "split=half"], "error: dataset.split=half is not allowed: must be leave_one_out, ratio or cut"),
        (["describe", "log.csv", "user=a=b"], "error: "),
        (["describe"], "error: FILE is missing, for instance: python -m fedrec.data describe purchases.csv"),
        ([], "error: the following arguments are required: describe"),
    ],
)
def test_a_mistake_ends_in_one_line(arguments, words, tmp_path, monkeypatch, capsys):
    (tmp_path / "log.csv").write_text(LOG)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    told = capsys.readouterr()
    assert ended.value.code == 2 and not told.out
    assert words in told.err and told.err.count("\n") == 1
