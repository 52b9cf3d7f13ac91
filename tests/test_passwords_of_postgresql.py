"""A PostgreSQL server that asks for a password, which an address, a variable or a file of libpq gives."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from mlflow.tracking import MlflowClient

from tests.experiments.driver import write_data
from tests.passwords import ENCODED, PASSWORD, TUNED, holders, run, shows
from tests.sweeps.postgresql import server
from tests.sweeps.sweeps import NAME, counted, trials

pytestmark = pytest.mark.slow
TWO = "hydra.sweeper.n_jobs=2"


@pytest.fixture(scope="module")
def postgresql() -> Iterator[str]:
    """The address of the server, without password and database."""
    with server(PASSWORD) as address:
        with connection(address) as opened:
            for name in ("studies", "runs"):
                opened.execute(f"CREATE DATABASE {name}")
        yield address


def connection(address: str) -> "psycopg.Connection[tuple[str]]":
    return psycopg.connect(f"{address.replace('+psycopg', '')}/postgres", password=PASSWORD, autocommit=True)


def files_of(address: str) -> Path:
    """The folder in which the server keeps its tables, its log and what it has not written to the tables yet."""
    with connection(address) as opened:
        (folder,) = opened.execute("SHOW data_directory").fetchone() or ("",)
    return Path(folder).parent


def with_password(address: str) -> str:
    return address.replace("fedrec@", f"fedrec:{ENCODED}@")


@pytest.mark.parametrize("way", ["address", "variable", "PGPASSWORD", "PGPASSFILE"])
def test_sweeps_and_the_paper(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, postgresql: str, way: str) -> None:
    write_data(tmp_path / "data")
    known = postgresql if way.startswith("PG") else with_password(postgresql)
    environment = {"FEDREC_SERVER": known}
    if way == "PGPASSWORD":
        environment[way] = PASSWORD
    elif way == "PGPASSFILE":
        file = tmp_path_factory.mktemp("home") / "pgpass"
        file.touch(0o600)
        file.write_text(f"127.0.0.1:*:*:fedrec:{PASSWORD}\n")
        environment[way] = str(file)
    given = known if way == "address" else "${oc.env:FEDREC_SERVER}"
    tracked, name = f"tracking.uri={given}/runs", f"{NAME}_{way}"

    def done(module: str, *arguments: str) -> str:
        status, printed = run(tmp_path, module, *arguments, **environment)
        assert status == 0, printed
        return printed

    tuned = ("-m", *TUNED, TWO, tracked, f"tracking.experiment={way}", f"hydra.sweeper.storage={given}/studies", name)
    printed = done("fedrec.main", *tuned)
    if way == "address":
        done("fedrec.main", *tuned, "hydra.sweeper.n_trials=3")
        paper = done("experiments.paper", "only=fig4", "seeds=1", "datasets=ml100k", "workers=2", tracked, f"storage={given}/studies")
        assert "2 of 2 runs are measured" in paper
        printed += paper + done("experiments.report", f"storage={given}/studies", "to=report")
    assert len(counted(trials(tmp_path, f"{with_password(postgresql)}/studies", name.partition("=")[2]))) == (3 if way == "address" else 2)
    client = MlflowClient(f"{with_password(postgresql)}/runs")
    experiment = client.get_experiment_by_name(way)
    assert experiment and {found.info.status for found in client.search_runs([experiment.experiment_id])} == {"FINISHED"}
    assert holders(tmp_path, files_of(postgresql)) == [] and not shows(printed)


@pytest.mark.parametrize("launcher", ["submitit_local", "ray"])
def test_what_launchers_leave_on_the_disk(tmp_path: Path, postgresql: str, launcher: str) -> None:
    """Their workers are told the variable, not the address."""
    own = Path(tempfile.mkdtemp(prefix="fedrec-"))  # the path of a socket must be short
    options = (f"hydra/launcher={launcher}", *([f"+hydra.launcher.init._temp_dir={own}"] if launcher == "ray" else []))
    address = with_password(postgresql)
    stores = f"tracking.uri={address}/runs", f"hydra.sweeper.storage={address}/studies", f"{NAME}_{launcher}"
    try:
        status, printed = run(tmp_path, "fedrec.main", "-m", *TUNED, TWO, *stores, *options)
        assert status == 0, printed
        assert len(counted(trials(tmp_path, f"{address}/studies", f"tuned_{launcher}"))) == 2
        assert holders(tmp_path, own) == [] and not shows(printed)
        assert list(own.glob("session_*/logs/*") if launcher == "ray" else tmp_path.glob("multirun/**/*_submitted.pkl"))
    finally:
        shutil.rmtree(own)


def test_a_wrong_password(tmp_path: Path, postgresql: str) -> None:
    wrong = with_password(postgresql).replace("@", "x@")
    status, printed = run(tmp_path, "fedrec.main", "-m", *TUNED, "tracking=none", f"hydra.sweeper.storage={wrong}/studies")
    assert status == 2 and "password authentication failed" in printed and not shows(printed)
    assert holders(tmp_path) == []
