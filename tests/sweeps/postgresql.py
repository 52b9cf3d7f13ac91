"""A PostgreSQL server of Debian's package, for the time of a test."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))


@contextmanager
def server(password: str = "") -> Iterator[str]:
    """Yield its address without a database, postgresql+psycopg://USER@HOST:PORT. Skip the test if the package is not installed.

    With a `password` it asks for it.
    """
    with controlled(password) as (address, _):
        yield address


@contextmanager
def controlled(password: str = "") -> Iterator[tuple[str, Callable[[str], None]]]:
    """Yield the address, as `server` does, and a function that does what it is told: "stop" the server or "start" it again."""
    if not PROGRAMS:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    programs = PROGRAMS[-1].parent
    folder, port = Path(tempfile.mkdtemp(prefix="fedrec-postgresql-")), free_port()
    owner = pwd.getpwnam("postgres") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())  # the server refuses to run as root
    os.chown(folder, owner.pw_uid, owner.pw_gid)

    def run(*command: str | Path) -> None:
        ended = subprocess.run(
            command,
            user=owner.pw_uid,
            group=owner.pw_gid,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout

    try:
        method, file = "scram-sha-256" if password else "trust", folder / "password"
        file.write_text(f"{password or 'none'}\n")
        run(programs / "initdb", "-D", folder / "data", "-A", method, "--pwfile", file, "-U", "fedrec", "--no-sync")
        file.unlink()
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"

        def control(action: str) -> None:
            how = ("-m", "immediate") if action == "stop" else ("-l", folder / "log", "-w", "-o", options)
            run(programs / "pg_ctl", "-D", folder / "data", *how, action)

        control("start")
        try:
            yield f"postgresql+psycopg://fedrec@127.0.0.1:{port}", control
        finally:
            control("stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
