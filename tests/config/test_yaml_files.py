"""A yaml that holds no options is one line with the file and the line; none runs code, fills the memory or takes forever."""

from itertools import pairwise
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from fedrec.config.compose import FOLDER, compose
from fedrec.config.validation import ConfigError
from fedrec.config.yaml_files import read_yaml

LETTERS = "abcdefghi"
MULTIPLIED = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 10)}]\n" for before, name in pairwise(LETTERS)
)
MERGED = "a: &a {x: 1, y: 2}\n" + "".join(
    f"{name}: &{name} {{<<: [{','.join([f'*{before}'] * 10)}]}}\n" for before, name in pairwise(LETTERS)
)
BAD = [
    ("a list", "- a\n- b\n", "own.yaml:1: must hold options, KEY: VALUE"),
    ("a text", "just text\n", "own.yaml:1: must hold options"),
    ("a number", "3\n", "own.yaml:1: must hold options"),
    ("a key twice", "a: 1\nb: 2\na: 3\n", "own.yaml:3: found duplicate key a"),
    ("a key twice inside", "a:\n  b: 1\n  b: 2\n", "own.yaml:3: found duplicate key b"),
    ("NUL", b"a: 1\x00\n", "own.yaml: unacceptable character"),
    ("Latin-1", b"# caf\xe9\na: 1\n", "own.yaml: not UTF-8 (byte 6)"),
    ("UTF-16", "a: 1\n".encode("utf-16"), "own.yaml: not UTF-8 (byte 1)"),
    ("an object of Python", "a: !!python/object/apply:os.system ['touch called']\n", "own.yaml:1: could not determine a constructor"),
    ("a name of Python", "a: !!python/name:os.abort\n", "own.yaml:1: could not determine a constructor"),
    ("a tag", "a: !own b\n", "own.yaml:1: could not determine a constructor"),
    ("a bracket left open", "a: [1\n", "own.yaml:2: expected ',' or ']'"),
    ("a tabulator", "a: 1\n\tb: 2\n", "own.yaml:2: found character"),
    ("an alias of nothing", "a: *b\n", "own.yaml:1: found undefined alias"),
    ("an alias inside what it names", "a: &a\n  b: *a\n", "own.yaml:1: an alias refers to the value that it lies in"),
    ("aliases that multiply", MULTIPLIED, "more than 100000 values, because aliases multiply them"),
    ("merged aliases that multiply", MERGED, "more than 100000 values, because aliases multiply them"),
    ("two documents", "a: 1\n---\nb: 2\n", "own.yaml:2: but found another document"),
    ("a list as a name", "? [a, b]\n: 1\n", "own.yaml:1: the name of an option must be text"),
    ("a number as a name", "a:\n  1: 2\n", "own.yaml:2: the name of an option must be text, not 1"),
    ("values deep in each other", "a: " + "[" * 5000 + "]" * 5000, "own.yaml: its values lie too deep in each other"),
    ("a number of 5000 digits", "a: " + "1" * 5000, "own.yaml: Exceeds the limit"),
    ("defaults that are no list", "defaults: none\n", "own.yaml:1: `defaults` must be a list"),
    ("defaults of numbers", "defaults: [1]\n", "own.yaml:1: `defaults` must be a list"),
    ("defaults of two at once", "defaults: [{a: b, c: d}]\n", "own.yaml:1: `defaults` must be a list"),
    ("a large file", "a: 1\n" + "#" * 1_000_001, "own.yaml: larger than 1 MB"),
]


def own(folder: Path, content: str | bytes) -> Path:
    path = folder / "attack" / "own.yaml"
    path.parent.mkdir()
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(("content", "message"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_a_file_that_holds_no_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | bytes, message: str) -> None:
    monkeypatch.chdir(tmp_path)
    path = own(tmp_path, content)
    with pytest.raises(ConfigError) as caught:
        read_yaml(path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(ConfigError, match=r"own\.yaml"):  # Hydra reads it in the same way
        compose("attack=own", f"hydra.searchpath=[{tmp_path.as_uri()}]")
    assert list(tmp_path.iterdir()) == [tmp_path / "attack"]


@pytest.mark.parametrize(
    ("content", "message"), [("# @package a b\na: 1\n", "own.yaml: Too many"), ("a: ${b\n", "own.yaml: a: no viable alternative")]
)
def test_what_only_hydra_can_read(tmp_path: Path, content: str, message: str) -> None:
    own(tmp_path, content)
    with pytest.raises(ConfigError, match=message):
        compose("attack=own", f"hydra.searchpath=[{tmp_path.as_uri()}]")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", {}),
        ("# nothing\n", {}),
        ("null\n", {}),
        ("a: &a {x: 1}\nb: {<<: *a, y: 2}\nc: [*a, *a]\n", {"a": {"x": 1}, "b": {"x": 1, "y": 2}, "c": [{"x": 1}] * 2}),
        ("N: 1e-3\ny: no\nz: '3'\nw: ${a}\n", {"N": 1e-3, "y": False, "z": "3", "w": "${a}"}),
    ],
)
def test_a_file_that_holds_options(tmp_path: Path, content: str, expected: object) -> None:
    assert read_yaml(own(tmp_path, content)) == expected


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.yaml")), ids=lambda path: str(path.relative_to(FOLDER)))
def test_every_file_of_conf_reads_as_omegaconf_reads_it(path: Path) -> None:
    assert read_yaml(path) == OmegaConf.to_container(OmegaConf.load(path), resolve=False)
