"""The notes that MLflow shows of experiments and runs: what fedrec writes there, and how it tells its own notes from those of people."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from fedrec.evaluation.epoch_selection import EVALUATIONS

NOTE = "mlflow.note.content"  # tag that MLflow shows as description
PICTURE = "trajectory.png"  # artifact of a run
GAP = "\N{EM SPACE}"  # at the end of a cell
_MARK = re.compile(r"\n\n\[//\]: # \(fedrec (\w+)\)$")  # Markdown that nobody sees


def signed(text: str) -> str:
    """Return a note with a mark by which `is_ours` knows it."""
    return f"{text}\n\n[//]: # (fedrec {_digest(text)})"


def is_ours(note: str | None) -> bool:
    """Return whether fedrec may replace a note: there is none, or fedrec wrote it and nobody has changed it."""
    match = _MARK.search(note or "")
    return not note or (match is not None and match[1] == _digest(note[: match.start()]))


def experiment_note(exposure: str, quality: str) -> str:
    """Return what is measured and how to read it. The names are those of ER@K and of the metric of quality, HR@K as a rule."""
    k = exposure.partition("@")[2]
    return signed(
        f"**{exposure}**: share of users who see the attacked item among their first {k}. **{quality}**: quality of recommendations.\n\n"
        f"An attack on a federated recommender raises {exposure}; a defense keeps it low without lowering {quality}.\n\n"
        f"- **{exposure}**, the exposure ratio, counts users who have not trained on the attacked item. Without an attack it is near 0.\n"
        f"- **{quality}** is the quality of the recommendations"
        + (f": the share of users who find the item that was kept from training among {k} of 100" if quality.startswith("HR@") else "")
        + ". A defense should not lower it.\n"
        f"- **best** is the epoch with the highest quality, **near_best** the mean of the evaluations around it, **peak** the epoch with "
        f"the highest {exposure}, **final** the last epoch. If best and near_best are far apart, the exposure swings: trust near_best.\n"
        f"- The table of runs shows these numbers, and the charts show them over the rounds. The page of a run says the result in a "
        f"sentence. All numbers of a run are in its artifact `summary.json`."
    )


def run_note(run_id: str, summary: Mapping[str, Any], about: Mapping[str, str], has_picture: bool, undefended: float | None = None) -> str:
    """Return the result in a sentence, the picture and a small table. `about` tells attack, defense, model, dataset, and the metrics.

    `undefended` is what the same attack reached without the defense, if that is known.
    """
    exposure, quality = about["exposure"], about["quality"]
    compared = "" if undefended is None else f" Without the defense it is {percent(undefended)}."
    parts = [summary.get("verdict", "") + compared, _what_ran(summary, about)]
    if has_picture:
        address = f"get-artifact?path={quote(PICTURE)}&run_uuid={run_id}"  # relative to the page, as MLflow's own links are
        parts.append(f"![{exposure} and {quality} over the rounds]({address})")
    reported = {rule: summary[rule] for rule in EVALUATIONS if summary.get(rule)}
    if reported:
        head = ("", *(f"{rule}, epoch {values['epoch']}" for rule, values in reported.items()))
        known = [name for name in (exposure, quality) if any(name in values for values in reported.values())]
        parts.append(table(head, [(name, *(percent(values.get(name)) for values in reported.values())) for name in known]))
    return signed("\n\n".join(parts))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown. A wide space ends each cell, because MLflow leaves none between columns."""
    lines = [[f"{_escaped(cell)}{GAP}" for cell in line] for line in (head, *rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in (lines[0], ["---"] * len(head), *lines[1:]))


def percent(share: Any) -> str:
    """Return a share as text; a dash if there is none."""
    return "-" if share is None else f"{100 * share:.1f} %"


def _what_ran(summary: Mapping[str, Any], about: Mapping[str, str]) -> str:
    told = f"Attack `{about['attack']}`, defense `{about['defense']}`, model `{about['model']}`, data set `{about['dataset']}`"
    rounds, seconds = summary.get("rounds"), summary.get("seconds", {}).get("total")
    return told + (f"; {rounds} rounds in {seconds:.0f} s." if rounds is not None and seconds is not None else ".")


def _escaped(cell: str) -> str:
    return str(cell).replace("|", "\\|")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
