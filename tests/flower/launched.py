"""A launch of the stub apps in a process of its own: `python -m tests.flower.launched KEY=VALUE ...`."""

import sys

from fedrec.campaigns.campaign_command import conducted
from fedrec.cli.ending import exit_after
from fedrec.flower.app_folder import APP
from fedrec.flower.launcher import program

PLACES = {"fedrec.flower.server_app:app": "tests.flower.stub_apps:server", "fedrec.flower.client_app:app": "tests.flower.stub_apps:client"}


def stub_app() -> str:
    """Return the app with other components."""
    text = APP
    for place, stub in PLACES.items():
        assert place in text
        text = text.replace(place, stub)
    return text


if __name__ == "__main__":
    exit_after(lambda: conducted(lambda arguments, flags: program(arguments, flags, stub_app()), "", (), sys.argv[1:]))
