from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fedrec.tracking.delta_norm import leading_ranks, write_picture

BLUE, VERMILLION = (0, 114, 178), (213, 94, 0)


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def near(picture: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    """Where a picture has a colour drawn at 60 % on white, or more."""
    weights = (255 - picture) @ (255 - np.array(colour)) / (((255 - np.array(colour)) ** 2).sum())
    residual = np.abs((255 - picture) - weights[..., None] * (255 - np.array(colour))).max(-1)
    return (weights > 0.55) & (residual < 12)


def test_leading_ranks_are_those_of_the_fifty_largest() -> None:
    generator = np.random.default_rng(0)
    values, ranks = generator.random(200, np.float32), generator.permutation(200) + 1
    best = sorted(range(200), key=lambda item: -values[item])[:50]
    assert leading_ranks(values, ranks).tolist() == [ranks[item] for item in best]


@pytest.mark.parametrize(("ranks", "seen", "absent"), [(range(1, 51), BLUE, VERMILLION), (range(901, 951), VERMILLION, None)])
def test_popular_and_unpopular_items_differ_in_colour(tmp_path: Path, ranks: range, seen: tuple, absent: tuple | None) -> None:
    write_picture(tmp_path / "picture.png", {4: np.array(ranks)}, n_items=1000)
    strip = pixels(tmp_path / "picture.png")[60:]  # below the legend
    assert near(strip, seen).sum() > 200
    assert absent is None or near(strip, absent).sum() == 0


def test_border_lies_at_fifteen_percent(tmp_path: Path) -> None:
    write_picture(tmp_path / "picture.png", {4: np.array([990])}, n_items=1000)
    picture = pixels(tmp_path / "picture.png")
    left, right = np.flatnonzero((picture.sum(-1) == 0).sum(0) > 40)[[0, -1]]  # the frame: black columns
    (column,) = {round(x) for x in [np.flatnonzero(near(picture[60:100], BLUE).sum(0) > 5).mean()]}
    share = (column - left) / (right - left) * 1.02 - 0.01
    assert abs(share - 0.15) < 0.005


def test_one_strip_per_round_and_never_more_than_sixteen(tmp_path: Path) -> None:
    heights = []
    for n_rounds in (1, 10, 16, 300):
        write_picture(tmp_path / "picture.png", {200 * round: np.array([1, 500]) for round in range(1, n_rounds + 1)}, n_items=1000)
        heights.append(len(pixels(tmp_path / "picture.png")))
    assert heights == [150, 510, 750, 750]
