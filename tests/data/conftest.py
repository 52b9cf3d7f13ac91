"""Fixtures: a web server in this process, the published splits, generators."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch


@dataclass
class WebServer:
    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    cut_short: bool = False  # send half of each file, then hang up
    requests: list[str] = field(default_factory=list)


@pytest.fixture
def web_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    state = WebServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.requests.append(self.path)
            content = state.files.get(self.path.strip("/"))
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            if content:
                self.wfile.write(content[: len(content) // 2] if state.cut_short else content)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield state
    server.shutdown()
    server.server_close()


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)
