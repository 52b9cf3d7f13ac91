"""What a sweep over options shows at its end: all its jobs side by side, also as a file in its folder."""

import io
import shlex
from contextlib import nullcontext, redirect_stdout
from pathlib import Path

STARTED = "multirun.yaml"  # Hydra writes it before the first job; its time is that of the disk which the jobs write to, too
FILE = "comparison.csv"


def show_jobs(folder: Path, quiet: bool = False) -> None:
    """Print the jobs of the sweep in `folder` side by side, unless `quiet`, and write the table. Nothing that fails ends the sweep."""
    with redirect_stdout(io.StringIO()) if quiet else nullcontext():
        try:
            _show(folder)
        except Exception as error:
            print(f"no comparison of the jobs: {' '.join(str(error).split()) or type(error).__name__}")


def _show(folder: Path) -> None:
    from rich.console import Console

    from fedrec.comparison.comparing import compare
    from fedrec.comparison.reading import collect
    from fedrec.comparison.run_folders import run_folders
    from fedrec.comparison.text_table import print_text

    since = (folder / STARTED).stat().st_mtime
    if not run_folders(folder, since)[0]:  # no job has got as far as a summary
        return
    compared = compare(collect(folder, since=since), tested=False)
    print()
    print_text(compared, Console())
    compared.save(folder / FILE)
    console = Console(soft_wrap=True)
    console.print(f"comparison: {folder / FILE}", markup=False, highlight=False)
    console.print(f"tests, LaTeX, pictures: python -m fedrec.compare {shlex.quote(str(folder))}", markup=False, highlight=False)
