"""A password in an address: whoever connects has it, and nothing that is written, shown or visible to other users holds it."""

import base64
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from tests.experiments.driver import QUICK, call, write_data
from tests.passwords import ENCODED, PASSWORD, RUN, TUNED, holders, run, shows
from tests.sweeps.sweeps import NAME, ONE, program, sweep, trials


@pytest.fixture
def mlflow_server() -> Iterator[tuple[str, set[str]]]:
    """Yield HOST:PORT of a server that refuses everybody, and the logins that it gets."""
    logins: set[str] = set()

    class Refusing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, _, login = self.headers.get("Authorization", "").partition(" ")
            logins.add(base64.b64decode(login).decode() if kind == "Basic" else login)
            body = json.dumps({"error_code": "UNAUTHENTICATED", "message": f"no such user at http://{logins}@host"}).encode()
            self.send_response(401)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815  the name that the library calls

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{served.server_port}", logins
        served.shutdown()


@pytest.mark.slow
def test_an_address_with_a_password(tmp_path: Path, mlflow_server: tuple[str, set[str]]) -> None:
    """The server gets it, and refuses it; every file and the message have a reference or a mask."""
    host, logins = mlflow_server
    status, printed = run(
        tmp_path, "fedrec.main", *RUN, f"tracking.uri=http://me:{ENCODED}@{host}", f"+hydra.job.env_set.PGPASSWORD={PASSWORD}"
    )
    assert status == 2, printed
    assert logins == {f"me:{PASSWORD}"}
    assert f"error: tracking.uri=http://me:***@{host}: UNAUTHENTICATED" in printed
    assert holders(tmp_path) == []
    (folder,) = tmp_path.glob("outputs/*/*")
    reference = yaml.safe_load((folder / ".hydra/config.yaml").read_text())["tracking"]["uri"]
    assert re.fullmatch(r"http://me:\$\{oc\.env:FEDREC_SECRET_\d\}@" + host, reference)
    assert f"tracking.uri={reference}" in yaml.safe_load((folder / ".hydra/overrides.yaml").read_text())


@pytest.mark.parametrize("way", ["address", "variables"])
def test_addresses_and_passwords_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mlflow_server: tuple[str, set[str]], way: str
) -> None:
    host, logins = mlflow_server
    environment = {
        "address": {"FEDREC_STORE": f"http://me:{ENCODED}@{host}"},
        "variables": {"FEDREC_STORE": f"http://{host}", "MLFLOW_TRACKING_USERNAME": "me", "MLFLOW_TRACKING_PASSWORD": PASSWORD},
    }[way]
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    ended = program(tmp_path, *RUN, "tracking.uri=${oc.env:FEDREC_STORE}")
    assert ended.status == 2 and "UNAUTHENTICATED" in ended.errors
    assert logins == {f"me:{PASSWORD}"}
    assert holders(tmp_path) == [] and not shows(ended.output + ended.errors)
    (folder,) = tmp_path.glob("outputs/*/*")
    assert yaml.safe_load((folder / ".hydra/config.yaml").read_text())["tracking"]["uri"] == "${oc.env:FEDREC_STORE}"


@pytest.mark.slow
def test_a_sweep_of_hydra(tmp_path: Path, mlflow_server: tuple[str, set[str]]) -> None:
    """Its jobs have the addresses that are swept; multirun.yaml and the folders of the jobs do not show them."""
    host, logins = mlflow_server
    addresses = f"http://me:{ENCODED}@{host},http://you:{ENCODED}@{host}"
    subdir = "hydra.sweep.subdir=${hydra.job.num}_${hydra:job.override_dirname}"
    status, printed = run(tmp_path, "fedrec.main", "-m", *RUN, f"tracking.uri={addresses}", subdir)
    assert status == 0, printed
    assert logins == {f"me:{PASSWORD}", f"you:{PASSWORD}"}
    assert len(list(tmp_path.glob("multirun/**/summary.json"))) == 2 and len(list(tmp_path.glob("multirun/*/*/multirun.yaml"))) == 1
    assert holders(tmp_path) == []  # what was printed lies there, too


@pytest.mark.slow
def test_a_tuning_sweep_with_its_store(tmp_path: Path) -> None:
    """No tag, parameter, artifact or attribute of the study holds what an option holds."""
    storage = f'hydra.sweeper.storage="sqlite:///study.db?password={ENCODED}"'
    ended = sweep(tmp_path, *TUNED, ONE, storage, f"+tracking.tags.origin=http://me:{ENCODED}@host", f"+tracking.tags.token={ENCODED}")
    assert ended.status == 0, ended.errors
    assert len(trials(tmp_path, f"sqlite:///{tmp_path}/study.db")) == 2 and (tmp_path / "mlflow.db").exists()
    assert b"http://me:***@host" in (tmp_path / "mlflow.db").read_bytes()
    assert holders(tmp_path) == [] and not shows(ended.output + ended.errors)
    again = sweep(tmp_path, *TUNED, ONE, storage, f"+tracking.tags.origin=http://me:{ENCODED}@host", f"+tracking.tags.token={ENCODED}")
    assert again.status == 0 and len(trials(tmp_path, f"sqlite:///{tmp_path}/study.db")) == 2


@pytest.mark.slow
def test_the_paper(tmp_path: Path, mlflow_server: tuple[str, set[str]]) -> None:
    host, logins = mlflow_server
    write_data(tmp_path / "data")
    tracking = f"tracking.uri=http://me:{ENCODED}@{host}"
    options = ("only=fig4", "seeds=1", "datasets=ml100k", "workers=1", f"storage=sqlite:///results.db?password={ENCODED}")
    planned = call(tmp_path, "paper", *options, tracking, "--dry-run", "--json")
    refused = call(tmp_path, "paper", *options, tracking)
    ended = call(tmp_path, "paper", *options, "tracking=none")
    assert (planned.returncode, refused.returncode, ended.returncode) == (0, 2, 0), planned.stderr + refused.stderr + ended.stderr
    assert logins == {f"me:{PASSWORD}"} and f"tracking.uri=http://me:***@{host}: UNAUTHENTICATED" in refused.stderr
    assert (tmp_path / "results.db").exists() and "2 of 2 runs are measured" in ended.stdout
    assert not any(shows(one.stdout + one.stderr) for one in (planned, refused, ended)) and holders(tmp_path) == []


@pytest.mark.parametrize("arguments", [("-m", NAME, *TUNED, ONE, "tracking=none"), ("paper",)])
def test_a_store_that_cannot_be_reached(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    address = f"postgresql+psycopg://me:{ENCODED}@127.0.0.1:1/studies"
    if arguments == ("paper",):
        write_data(tmp_path / "data")
        failed = call(tmp_path, "paper", "only=fig4", "seeds=1", *QUICK, f"storage={address}")
        status, printed = failed.returncode, failed.stdout + failed.stderr
    else:
        ended = program(tmp_path, *arguments, f"hydra.sweeper.storage={address}")
        status, printed = ended.status, ended.output + ended.errors
    assert status == 2 and "postgresql+psycopg://me:***@127.0.0.1:1/studies: " in printed and not shows(printed)
    assert holders(tmp_path) == []


@pytest.mark.parametrize("flags", [("--cfg", "job"), ("--cfg", "all", "--resolve"), ("--info", "all"), ("--info", "config")])
def test_what_shows_a_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...]) -> None:
    monkeypatch.setenv("FEDREC_STORE", f"postgresql+psycopg://me:{ENCODED}@host/studies")
    options = ("hydra/sweeper=fedrec_optuna", "hydra.sweeper.storage=${oc.env:FEDREC_STORE}", f"tracking.uri=http://me:{ENCODED}@host")
    ended = program(tmp_path, *options, *flags)
    assert ended.status == 0 and "http://me:***@host" in ended.output and not shows(ended.output + ended.errors)


@pytest.mark.parametrize(
    "option",
    [
        "tracking.uri=http://me:PASSWORD@host",
        "tracking.uri=http://me:ENCODED@",
        "tracking.uri=ftp://me:ENCODED@host",
        "tracking.uri=sqlite:///x?password=ENCODED",
        'tracking.uri="sqlite:///x?password=ENCODED"',
        "tracking.uri=[http://me:ENCODED@host]",
        "tracking.url=http://me:ENCODED@host",
        "traking.uri=http://me:ENCODED@host",
        "seed=http://me:ENCODED@host",
        "dataset=http://me:ENCODED@host",
    ],
)
def test_messages_of_bad_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str) -> None:
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")  # the traceback, too
    ended = program(tmp_path, option.replace("PASSWORD", PASSWORD).replace("ENCODED", ENCODED))
    assert ended.status == 2 and "error: " in ended.errors and not shows(ended.output + ended.errors)
    assert holders(tmp_path) == []
