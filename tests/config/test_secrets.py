"""Passwords in texts and in configurations."""

import logging
import os
import sys
from pathlib import Path
from typing import Any

import hydra
import pytest
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from sqlalchemy import URL

from fedrec.config.build import check
from fedrec.config.compose import FOLDER, initialized
from fedrec.config.secrets import VARIABLE, MaskedFormatter, masked, refuse_ambiguous, revealed, stowed, without_references
from fedrec.config.validation import ConfigError

SECRET = "c0nf1dent1al"
TEXTS = [
    *(f"postgresql+psycopg://me:{SECRET}@host:5432/runs", f"mysql://me@company:{SECRET}@host", f"http://me:{SECRET}@host:5000"),
    *(f"https://{SECRET}@host/path", f"postgresql://host/runs?user=me&password={SECRET}&x=1", f"http://host?token={SECRET}"),
    *(f"http://me:a/{SECRET}@host", f"http://me:{SECRET}%40%2F@host", f"postgresql://me:{SECRET}@rest@host"),
    *(f"host=h password={SECRET} dbname=d", f"password='a {SECRET} b'", f"{{'PGPASSWORD': '{SECRET}'}}", f"{{PGPASSWORD: {SECRET}, x: 1}}"),
    f"MLFLOW_TRACKING_TOKEN={SECRET}",
    f"""tracking.uri="http://host/?api_key={SECRET}&x=1",sqlite:///other.db""",
    f"[postgresql://me:{SECRET}@host/one,postgresql://you:{SECRET}@host/two]",
    f"cannot read tracking.uri=http://host?access_token={SECRET}: expected KEY=VALUE",
]
PLAIN = [
    *("http://host:5000/path", "postgresql://me@host:5432/runs", "sqlite:////folder/mlflow.db", "no password supplied", "pad_token=[PAD]"),
    *("tracking.uri=postgresql+psycopg://USER@HOST/DATABASE", "PGPASSFILE=/home/me/.pgpass", "tokenizer=words", "ER@10: 0.5", ""),
    "unknown option hydra.job.env_set.PGPASSWORD: hydra.job.env_set has no options",
]


@pytest.mark.parametrize("text", TEXTS)
def test_every_form_of_a_secret_is_masked(text: str) -> None:
    assert SECRET not in masked(text) and "***" in masked(text)
    assert masked(masked(text)) == masked(text)


@pytest.mark.parametrize("text", PLAIN)
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert masked(text) == text == stowed(text)


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_stowed_comes_back(text: str) -> None:
    assert SECRET not in stowed(text)
    assert revealed(stowed(text)) == text
    assert stowed(stowed(text)) == stowed(text)
    assert masked(stowed(text)) == masked(text)
    assert SECRET not in without_references(stowed(text)) and VARIABLE not in without_references(stowed(text))


@given(st.text(min_size=1), st.sampled_from(["postgresql+psycopg", "mysql", "http"]))
def test_an_address_is_masked_as_sqlalchemy_does(password: str, kind: str) -> None:
    address = URL.create(kind, "me", password.encode("utf-8", "replace").decode(), "host", 1, "runs")
    assert masked(address.render_as_string(hide_password=False)) == address.render_as_string(hide_password=True)


def test_values_whose_name_says_that_they_are_secret() -> None:
    told = {"env": {"PGPASSWORD": SECRET, "PGUSER": "me"}, "list": [{"token": SECRET}, SECRET[:3]], "password": None, "n": 3}
    assert masked(told) == {"env": {"PGPASSWORD": "***", "PGUSER": "me"}, "list": [{"token": "***"}, SECRET[:3]], "password": None, "n": 3}


def test_a_reference_to_a_variable_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FEDREC_STORE", raising=False)
    assert stowed("postgresql://me:${oc.env:FEDREC_STORE}@host") == "postgresql://me:${oc.env:FEDREC_STORE}@host"
    with pytest.raises(OmegaConfBaseException, match="Environment variable 'FEDREC_STORE' not found"):
        revealed("postgresql://me:${oc.env:FEDREC_STORE}@host")


@pytest.mark.parametrize("password", ["a@b", "a b", "a@b@c"])
def test_special_characters_must_be_encoded(password: str) -> None:
    """SQLAlchemy would take what follows the first @ for the host, and show it in a message."""
    with pytest.raises(ConfigError, match=r"^tracking.uri=http://me:\*\*\*@host: percent-encode .* %40 for an at sign$"):
        refuse_ambiguous("tracking.uri", f"http://me:{password}@host")
    refuse_ambiguous("tracking.uri", "http://me:a%40b%20c/d@host")


def test_a_log_holds_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise ValueError(f"http://me:{SECRET}@host is away")
    except ValueError:
        record = logging.LogRecord("name", logging.ERROR, "file", 1, "of %s", (f"http://me:{SECRET}@host",), sys.exc_info())
    text = MaskedFormatter("%(message)s").format(record)
    assert SECRET not in text and "of http://me:***@host" in text and "ValueError: http://me:***@host is away" in text


def composed(*overrides: str) -> Any:
    """The whole configuration, with the node `hydra`, and what Hydra would write of it."""
    with initialized():
        config = GlobalHydra.instance().config_loader().load_configuration("config", list(overrides), RunMode.MULTIRUN)
    return config, OmegaConf.to_yaml(config)


def test_a_configuration_refers_to_secrets_of_the_command_line_and_of_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tracking").mkdir()
    (tmp_path / "tracking/mine.yaml").write_text(f"defaults: [mlflow]\nuri: http://me:{SECRET}-1@host\n")
    monkeypatch.setenv("FEDREC_STORE", f"postgresql+psycopg://me:{SECRET}-2@host/studies")
    monkeypatch.setenv("PGPASSWORD", f"{SECRET}-3")
    config, written = composed(
        *(f"hydra.searchpath=[file://{tmp_path}]", "tracking=mine", "hydra/sweeper=fedrec_optuna"),
        *("hydra.sweeper.storage=${oc.env:FEDREC_STORE}", f"+tracking.tags.token={SECRET}-4", "hydra.job.env_copy=[PGPASSWORD]"),
    )
    assert SECRET not in written
    assert config.tracking.uri == f"http://me:{SECRET}-1@host"
    assert config.hydra.sweeper.storage == os.environ["FEDREC_STORE"]
    assert config.tracking.tags.token == f"{SECRET}-4"
    assert f"{SECRET}-3" == config.hydra.job.env_set.PGPASSWORD
    assert SECRET not in config.hydra.job.override_dirname  # which may name a folder


def test_jobs_of_a_sweep_get_the_secret(tmp_path: Path) -> None:
    """Also when addresses themselves are swept."""
    overrides = [f"tracking.uri=postgresql://me:{SECRET}@host/one,postgresql://me:{SECRET}@host/two"]
    config, _ = composed(*overrides)
    with initialized():
        loader = GlobalHydra.instance().config_loader()
        from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
        from hydra.core.override_parser.overrides_parser import OverridesParser

        arguments = OmegaConf.to_container(config.hydra.overrides.task, resolve=False)
        assert SECRET not in str(arguments)
        (jobs,) = BasicSweeper.split_arguments(OverridesParser.create().parse_overrides(arguments), None)
        found = [loader.load_sweep_config(config, list(job)) for job in jobs]
    assert [job.tracking.uri for job in found] == [f"postgresql://me:{SECRET}@host/{name}" for name in ("one", "two")]
    assert not any(SECRET in OmegaConf.to_yaml(job) for job in found)


def test_a_checked_configuration_shows_no_secret_but_its_parts_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEDREC_STORE", f"http://me:{SECRET}@host")
    with initialized():
        config = hydra.compose("config", ["tracking.uri=${oc.env:FEDREC_STORE}", f"+tracking.tags.note=http://me:{SECRET}@host"])
    checked = check(config)
    assert checked.config.tracking.uri == "http://me:***@host"
    assert SECRET not in OmegaConf.to_yaml(checked.config, resolve=True)
    assert checked.parts["tracking"].arguments["uri"] == f"http://me:{SECRET}@host"
    assert config.tracking.uri == f"http://me:{SECRET}@host"


def test_every_way_of_starting_hydra_has_this_loader(tmp_path: Path) -> None:
    assert FOLDER.is_dir()
    with initialized():
        assert type(GlobalHydra.instance().config_loader()).__name__ == "Loader"
