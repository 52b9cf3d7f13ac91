from pathlib import Path

from PIL import Image

from fedrec.tracking.trajectory import write_picture


def test_each_metric_has_its_line(tmp_path: Path) -> None:
    """Vermillion and blue, which every kind of colour vision tells apart."""
    write_picture(tmp_path / "picture.png", {"ER@10": {1: 0.9, 5: 0.1}, "HR@10": {round: round / 100 for round in range(100)}})
    with Image.open(tmp_path / "picture.png") as image:
        colours = {colour for _, colour in image.convert("RGB").getcolors(1 << 20) or []}
        assert image.size == (800, 280)
    assert {(0xD5, 0x5E, 0x00), (0x00, 0x72, 0xB2)} <= colours


def test_exposure_alone(tmp_path: Path) -> None:
    write_picture(tmp_path / "picture.png", {"ER@10": {1: 0.0, 2: 1.0}})
    with Image.open(tmp_path / "picture.png") as image:
        assert (0xD5, 0x5E, 0x00) in {colour for _, colour in image.convert("RGB").getcolors(1 << 20) or []}
