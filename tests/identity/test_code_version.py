"""The version of the code follows imports and code, not words."""

import sys
from pathlib import Path

import pytest

from fedrec.identity import code_version as module
from fedrec.identity.code_version import code_version


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package `wares`: `shop` imports `used`, `front` imports `paint`, and nothing imports `alone`."""
    folder = tmp_path / "wares"
    folder.mkdir()
    texts = {"__init__": "", "used": '"""Old."""\nX = 1\n', "shop": "from wares import used\nY = used.X\n", "alone": "Z = 1\n"}
    texts |= {"front": "import wares.paint\nW = 1\n", "paint": "V = 1\n"}
    for name, text in texts.items():
        (folder / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "wares", raising=False)
    return folder


def version(package: Path, name: str = "", text: str = "") -> str:
    if name:
        (package / f"{name}.py").write_text(text)
    module._parsed.cache_clear()
    return code_version(["wares.shop"], ["wares.front"])


def test_code_version_follows_imports_and_code_but_not_words(package):
    before = version(package)
    assert version(package, "used", '"""New."""\n\nX = 1  # one\n') == before
    assert version(package, "alone", "Z = 2\n") == version(package, "paint", "V = 2\n") == before
    assert version(package, "front", "import wares.paint\nW = 2\n") != before
    assert version(package, "used", "X = 2\n") != before


def test_what_is_imported_from_a_module_counts_with_the_module(package):
    before = version(package, "shop", "from wares.used import X\nY = X\n")
    assert version(package, "used", "X = 3\n") != before
