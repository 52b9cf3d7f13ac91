"""A federation on this machine: a SuperLink, SuperNodes and a run, which are processes of their own and talk over 127.0.0.1."""

import json
import os
import socket
import ssl
import subprocess
import sys
from contextlib import ExitStack, closing
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path

from fedrec.flower.app_folder import APP, CONNECTION, write_app, write_connection
from fedrec.flower.launch_arguments import Launch
from fedrec.flower.launched_processes import Processes, ProcessFailed

HOST = "127.0.0.1"
START_SECONDS = 120.0  # for all servers to answer, and more for each node: they start at the same time
NODE_SECONDS = 10.0
ANSWER_SECONDS = 5.0
SUPERLINK, RUN, REGISTRATION = "superlink", "run", "registration"
SETTINGS = {  # of Flower's programs, through their environment
    "FLWR_TELEMETRY_ENABLED": "0",
    "FLWR_DISABLE_UPDATE_CHECK": "1",
    "FLWR_SUPEREXEC_TASK_POLL_INTERVAL": "0.05",  # seconds; Flower looks once a second for messages of a round
    "PYTHONUNBUFFERED": "1",
}


@dataclass
class LocalFederation:
    """Starts the federation of a launch, and runs the app in it."""

    launch: Launch
    processes: Processes
    app: str = APP

    def __post_init__(self) -> None:
        """Choose free ports of this machine."""
        with ExitStack() as stack:  # all are held until the last is found, so that no two are the same
            sockets = [stack.enter_context(socket.socket()) for _ in range(self.launch.nodes + 1)]
            for one in sockets:
                one.bind((HOST, 0))
            self.port, *self.node_ports = (one.getsockname()[1] for one in sockets)
        self.authority: Path | None = None

    def start(self) -> None:
        """Start the SuperLink, then the nodes. Raises ProcessFailed if one does not come up."""
        security = ["--insecure"]
        keys: list[list[str | Path]] = [[] for _ in self.node_ports]
        if self.launch.tls:
            from fedrec.flower.certificates import make_certificates, make_node_key

            files = make_certificates(folder := self.launch.folder / "certificates")
            pairs = [make_node_key(folder, f"node_{number}") for number in range(self.launch.nodes)]
            keys = [["--auth-supernode-private-key", private] for private, _ in pairs]
            security = ["--ssl-ca-certfile", f"{files.authority}", "--ssl-certfile", f"{files.server}", "--ssl-keyfile", f"{files.key}"]
            security.append("--enable-supernode-auth")
            self.authority = files.authority
        write_connection(home(self.launch.folder), f"{HOST}:{self.port}", self.authority)
        where = ("--host", HOST, "--port", str(self.port))
        self.processes.start(SUPERLINK, "flower-superlink", *security, *where, "--disable-runtime-dependency-installation")
        seconds = START_SECONDS + NODE_SECONDS * self.launch.nodes
        self.processes.await_all({SUPERLINK: lambda: answers(self.port, self.authority)}, seconds)
        if self.launch.tls:
            self.processes.start(REGISTRATION, sys.executable, "-m", "fedrec.flower.node_registration", *(public for _, public in pairs))
            self.processes.finish(REGISTRATION)
        for number, key in enumerate(keys):
            self.start_node(number, key)
        ports = {f"node_{number}": port for number, port in enumerate(self.node_ports)}
        self.processes.await_all({name: lambda port=port: answers(port, None) for name, port in ports.items()}, seconds)  # type: ignore[misc]

    def start_node(self, number: int, key: list[str | Path]) -> None:
        """Start a node. `key` are the options that name its private key, if nodes show who they are."""
        folder = self.launch.folder / "nodes" / str(number)
        folder.mkdir(parents=True, exist_ok=True)
        config = f'partition-id={number} num-partitions={self.launch.nodes} folder="{folder}"'
        security = ["--insecure"] if self.authority is None else ["--root-certificates", str(self.authority)]
        where = ("--superlink", f"{HOST}:{self.port}", "--port", str(self.node_ports[number]), "--node-config", config)
        self.processes.start(f"node_{number}", "flower-supernode", *security, *key, *where)

    def run(self) -> None:
        """Run the app and print what its server prints, as it comes. Raises ProcessFailed if the run fails."""
        folder, changes = write_app(self.launch, self.app)
        self.processes.start(RUN, "flwr", "run", folder, CONNECTION, "--run-config", changes, "--stream", shows=True)
        alive = self.launch.nodes
        while (name := self.processes.ended.get()) != RUN:
            if name == REGISTRATION:
                continue
            alive -= 1
            if name == SUPERLINK or not alive:
                raise ProcessFailed(self.processes.account(name))
            print(f"warning: {self.processes.account(name)}", file=sys.stderr, flush=True)
        self.processes.finish(RUN)
        self._require_success()

    def _require_success(self) -> None:
        """Raise ProcessFailed unless Flower says that the only run of this SuperLink is completed."""
        told = subprocess.run(
            ["flwr", "ls", CONNECTION, "--format", "json"],
            env=self.processes.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        runs = json.loads(told.stdout or "{}").get("runs") or [{}]
        status, details = runs[0].get("status", "unknown"), runs[0].get("status-details", "")
        if status != "finished:completed":
            raise ProcessFailed(f"the run ended as {status}: {details}; {self.processes.logs} holds the logs")


def home(folder: Path) -> Path:
    """Return where Flower's programs keep their things in the folder of a launch."""
    return folder / "flwr"


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of the processes: programs and modules of this Python, those in the current folder among them."""
    here = os.environ
    return {
        **here,
        **SETTINGS,
        "FLWR_HOME": str(home(folder)),
        "PATH": os.pathsep.join(filter(None, [str(Path(sys.executable).parent), here.get("PATH")])),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(Path.cwd()), here.get("PYTHONPATH")])),
        "NO_PROXY": ",".join(filter(None, [here.get("NO_PROXY") or here.get("no_proxy"), HOST])),
    }


def answers(port: int, authority: Path | None) -> bool:
    """Return whether one of Flower's servers on this machine answers, over TLS if an authority is given."""
    if authority is None:
        connection = HTTPConnection(HOST, port, timeout=ANSWER_SECONDS)
    else:
        context = ssl.create_default_context(cafile=str(authority))
        connection = HTTPSConnection(HOST, port, timeout=ANSWER_SECONDS, context=context)
    with closing(connection):
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == HTTPStatus.OK
        except (OSError, HTTPException):  # nobody listens yet
            return False
