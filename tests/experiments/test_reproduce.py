"""The published figures on real data: `pytest -m reproduction`, minutes. Bounds are those the project has set itself."""

import os
import statistics

import pytest

from experiments.reproduce import CELLS, measure_all

pytestmark = pytest.mark.reproduction


def means(results, dataset):
    return {
        cell.name: (statistics.mean(run.er for run in runs), statistics.mean(run.hr for run in runs))
        for cell, runs in results.items()
        if cell.dataset == dataset
    }


@pytest.fixture(scope="module")
def results(published):
    return measure_all(list(CELLS), seeds=3, workers=os.cpu_count() or 1)


def test_ml_100k(results):
    figures = means(results, "ml-100k")
    er, hr = figures["no attack"]
    assert er < 0.02
    assert 0.55 <= hr <= 0.60
    for name in ("PIECK-UEA, N = 50", "PIECK-UEA, N = 150"):
        assert figures[name][0] >= 0.85
        assert figures[name][1] == pytest.approx(hr, abs=0.03)
    assert figures["PIECK-IPE"][0] >= 0.60
    for name in ("PIECK-IPE, ours", "PIECK-UEA, ours"):
        assert figures[name][0] <= 0.05
        assert figures[name][1] >= 0.53


def test_ml_1m(results):
    figures = means(results, "ml-1m")
    assert figures["no attack"][1] >= 0.58
    assert figures["PIECK-UEA, N = 50"][0] >= 0.85
