"""The parser of the small programs."""

import argparse
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """Reports a mistake in one line, as `fedrec.main` does."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message}\n")
