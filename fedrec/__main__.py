"""`python -m fedrec` is `python -m fedrec.main`."""

from fedrec.cli.ending import exit_after
from fedrec.main import main

if __name__ == "__main__":
    exit_after(main)
