"""`python -m fedrec.flower.node_registration KEY ...`: register public keys of SuperNodes as `flwr supernode register` does.

One process registers all of them: starting Flower's command takes longer than a registration.
"""

import sys

from fedrec.flower.app_folder import CONNECTION


def main(keys: list[str]) -> None:
    """Register the keys in these files. Raises what Flower's command raises if the SuperLink refuses one."""
    from flwr.cli.app import app
    from typer.main import get_command

    command = get_command(app)
    for key in keys:
        command.main(["supernode", "register", key, CONNECTION], prog_name="flwr", standalone_mode=False)


if __name__ == "__main__":
    main(sys.argv[1:])
