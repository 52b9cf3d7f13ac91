"""The Flower app of this project as a folder that `flwr run` takes, and the settings of Flower's own programs.

APP is what `experiments/flower/pyproject.toml` holds, too; a test keeps them equal.
"""

import json
import shlex
from pathlib import Path

from fedrec.flower.launch_arguments import Launch

CONNECTION = "here"  # the name of the SuperLink in Flower's configuration
APP = """\
# The Flower app of fedrec. `flwr run experiments/flower` runs it; python -m fedrec.flower starts the same app.
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "fedrec-flower"
version = "1.0.0"
description = "Attacks on federated recommender systems, and defenses against them"
license = "MIT"
dependencies = [] # the app is a part of fedrec: whoever runs it has installed fedrec[flower]

[tool.flwr.app]
publisher = "fedrec"

[tool.flwr.app.components]
serverapp = "fedrec.flower.server_app:app"
clientapp = "fedrec.flower.client_app:app"

# Change a value here, or for one run: flwr run experiments/flower --run-config 'overrides="defense=krum"'
[tool.flwr.app.config]
overrides = "attack=pieck_uea defense=ours" # as the command line of fedrec.main takes them
folder = "outputs/flower" # of the results; node K keeps its own things in FOLDER/nodes/K
round-timeout = 600.0 # seconds that the server waits for the replies of a round
nodes = 2 # that the server waits for: as many as Flower's own simulation has, if nobody tells it another number
"""


def write_app(launch: Launch, app: str = APP) -> tuple[Path, Path]:
    """Write the app into a launch's folder, and what the command line changes in its configuration. Return both paths."""
    folder = launch.folder / "app"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").write_text(app, encoding="utf-8")
    values = {
        "overrides": shlex.join(launch.overrides),
        "folder": str(launch.folder),
        "round-timeout": launch.round_timeout,
        "nodes": launch.nodes,
    }
    changes = launch.folder / "run_config.toml"
    changes.write_text("".join(f"{key} = {_toml(value)}\n" for key, value in values.items()), encoding="utf-8")
    return folder, changes


def write_connection(home: Path, address: str, root_certificates: Path | None) -> None:
    """Write into Flower's own folder where the SuperLink is, and which certificate vouches for it."""
    home.mkdir(parents=True, exist_ok=True)
    security = "insecure = true" if root_certificates is None else f"root-certificates = {_toml(str(root_certificates))}"
    text = f'[superlink]\ndefault = "{CONNECTION}"\n\n[superlink.{CONNECTION}]\naddress = "{address}"\n{security}\n'
    (home / "config.toml").write_text(text, encoding="utf-8")


def _toml(value: object) -> str:
    """Return a text or a number as TOML writes it: as JSON does, but for one control character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
