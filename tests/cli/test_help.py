"""`--help` explains groups, options and overrides on one screen, then has a card for every choice."""

import re
from pathlib import Path

import pytest

from fedrec.cli.arguments import parse
from fedrec.cli.cards import GROUPS as GROUPS_WITH_CARDS
from fedrec.cli.help import usage
from fedrec.config.compose import FOLDER
from tests.cli.program import fedrec

GROUPS = ("dataset", "model", "system", "attack", "defense", "evaluation", "tracking", "variant", "experiment", "sweep")
PUBLIC_OPTIONS = (
    *("seed", "device", "threads", "dataset.root", "dataset.validation", "model.dim"),
    *("system.learning_rate", "system.clients_per_round", "system.epochs", "system.sampling"),
    *("system.negatives_per_positive", "system.loss", "system.malicious_share"),
    *("attack.N", "attack.lambda_", "attack.num_targets", "attack.targets", "defense.N", "defense.beta", "defense.gamma"),
    *("evaluation.k", "evaluation.every", "tracking.snapshot_rounds", "tracking.uri"),
)
LINES, COLUMNS = 50, 80
INDENT = 14  # of the lines that continue the choices of a group
CARDS = "\nCards: "  # the heading below which the second screen begins


@pytest.fixture(scope="module")
def help_text() -> str:
    return at(COLUMNS)


def at(columns: int, *arguments: str) -> str:
    """The help on a terminal of this width."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("COLUMNS", str(columns))
        return usage(parse(["--help", *arguments]))


def test_help_fits_one_screen(help_text: str) -> None:
    screen, heading, cards = help_text.partition(CARDS)
    assert heading and "Results: " in screen and "attack=pieck_uea " in cards
    assert len(screen.splitlines()) <= LINES
    assert max(map(len, help_text.splitlines())) <= COLUMNS


@pytest.mark.parametrize("columns", [60, 100, 160])
def test_help_fits_every_terminal_and_says_the_same(help_text: str, columns: int) -> None:
    text = at(columns)
    assert max(map(len, text.splitlines())) <= columns
    assert sorted(text.split()) == sorted(help_text.split())


def test_help_uses_the_room_of_a_wide_terminal(help_text: str) -> None:
    """Options stand in two columns, and most lists of choices take one line."""
    wide, narrow = (text.partition(CARDS)[0].splitlines() for text in (at(160), help_text))
    assert len(wide) <= len(narrow) - 8
    assert any("seed=1 " in line and "attack.targets=unpopular " in line for line in wide)
    assert at(400) == at(160)  # nobody reads longer lines


def test_no_option_is_wrapped_at_80_columns(help_text: str) -> None:
    screen = help_text.partition(CARDS)[0]
    paragraph = screen[screen.index("\nOptions ") :].split("\n\n")[0]
    assert all(re.match(r"  \w[\w.]*=", line) for line in paragraph.splitlines()[2:])


def test_the_real_program_prints_it(help_text: str, tmp_path: Path) -> None:
    """A pipe is 80 columns wide."""
    assert fedrec(tmp_path, "--help", COLUMNS="").stdout == help_text + "\n"


@pytest.mark.parametrize("group", GROUPS)
def test_help_names_every_option_of_a_group(help_text: str, group: str) -> None:
    (lines,) = re.findall(rf"^  {group} .*\n(?: {{{INDENT}}}.*\n)*", help_text, re.MULTILINE)
    assert {path.stem for path in (FOLDER / group).glob("*.yaml")} <= set(re.findall(r"\w+", lines))


@pytest.mark.parametrize("name", PUBLIC_OPTIONS)
def test_help_names_the_public_options(help_text: str, name: str) -> None:
    assert f" {name}=" in help_text


def test_help_says_where_results_go_and_how_to_browse_them(help_text: str) -> None:
    assert "outputs/" in help_text
    assert "mlflow ui --backend-store-uri sqlite:///mlflow.db" in help_text


def test_help_knows_the_groups_of_a_config_dir(tmp_path: Path) -> None:
    """However many there are."""
    (tmp_path / "mine" / "attack").mkdir(parents=True)
    for number in range(20):
        (tmp_path / "mine" / "attack" / f"number_{number}.yaml").touch()
    (tmp_path / "mine" / "attack" / "my_attack.yaml").write_text(
        "_target_: my_attack.MyAttack\nprice: $5 # no class says what is allowed\n"
    )
    text = at(COLUMNS, "--config-dir", str(tmp_path / "mine"))
    assert "my_attack" in text.partition(CARDS)[0]
    assert max(map(len, text.splitlines())) <= COLUMNS
    assert "  attack=my_attack\n    price=$5\n" in text


@pytest.mark.parametrize("group", GROUPS_WITH_CARDS)
def test_help_has_a_card_for_every_choice(help_text: str, group: str) -> None:
    for path in (FOLDER / group).glob("*.yaml"):
        assert f"\n  {group}={path.stem}  " in help_text.partition(CARDS)[2]


def test_help_tells_source_knowledge_models_defaults_and_ranges(help_text: str) -> None:
    cards = " ".join(help_text.partition(CARDS)[2].split())
    assert "attack=pieck_uea Zhang et al., PIECK, ICDE 2024; knowledge: none; models: MF-FRS, DL-FRS, Fed-LightGCN num_targets=1" in cards
    assert "N=50 | ncf: 10 (a whole number >= 1) batches=5 | ncf: 1" in cards
    assert "beta=1.0 | lightgcn: 0.05 | ncf: 45.0 (a number >= 0)" in cards
