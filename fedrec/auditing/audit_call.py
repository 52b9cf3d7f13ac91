"""`fedrec.audit`: an audit in this process, with the defaults, the runs and the page of `python -m fedrec.audit`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fedrec.api.arguments_given import Overrides, texts_of, with_table
from fedrec.api.process import alone
from fedrec.auditing.audit_arguments import asked_for
from fedrec.config.compose import initialized

if TYPE_CHECKING:
    import pandas as pd

    from fedrec.auditing.audit_result import AuditResult

Named = str | Sequence[str]


def audit(
    overrides: Overrides = (),
    *,
    data: "pd.DataFrame | None" = None,
    budget: str | float | None = None,
    quick: bool = False,
    attacks: Named | None = None,
    defenses: Named | None = None,
    levels: Sequence[float] | None = None,
    accounts: int | Sequence[int] | None = None,
    seeds: int | None = None,
    folder: str | Path | None = None,
    workers: int | None = None,
    progress: bool = True,
    config_dir: str | Path | None = None,
) -> "AuditResult":
    """Measure how many fake accounts a recommender withstands and what protects it, and return the tables. The page lies in `folder`.

        fedrec.audit("dataset=ml100k", quick=True).verdict
        fedrec.audit(["dataset.user=customer", "dataset.item=sku"], data=frame, budget="10min").accounts

    Args:
        overrides: As on the command line, in a list or in one text: data, model and their options, but also `device=cuda`, for instance.
        data: A row for each interaction. It takes the place of the file of `dataset=table`, whose options choose the columns.
        budget: How long the runs may take: seconds, a text such as "1h30min", or "none"; by default ten minutes, if `quick` 45 seconds.
        quick: Whether a first look is enough: two attacks, two defenses, one level, one seed.
        attacks: Those that are tried, those that promote items and those that do not.
        defenses: Those that are candidates, combinations such as "[norm_bound,flame]" among them. No defense always takes part.
        levels: Shares of the users who see the target in their top 10, up to which fake accounts are counted.
        accounts: Numbers of fake accounts that are tried in any case, beside those that the levels lead to.
        seeds: How often each setting runs.
        folder: Where runs, results and page lie; by default a folder of multirun/audit, as on the command line. What has been measured
            there is not measured again.
        workers: How many processes measure; by default one for each core.
        progress: Whether a bar is shown on stderr. How a table is read is told there in any case.
        config_dir: A folder with attacks and defenses of your own, as `--config-dir`.

    Raises ValueError in one line, the same as on the command line, for bad input. A run that fails is named in `facts["failed"]`.
    """

    def action() -> "AuditResult":
        own: dict[str, object] = {"attacks": attacks, "defenses": defenses, "levels": levels, "accounts": accounts}
        own |= {"seeds": seeds, "folder": folder, "workers": workers}
        chosen = [*texts_of(overrides, config_dir), *(f"{name}={_typed(value)}" for name, value in own.items() if value is not None)]
        if budget is not None:
            chosen.append(f"budget={budget if isinstance(budget, str) else f'{round(budget)}s'}")
        if data is not None:
            chosen = with_table(chosen, data)
        with initialized():
            asked = asked_for(chosen, quick, None if data is None else "data_frame")
            from fedrec.auditing.audit_pages import write_pages  # most mistakes are answered before torch is imported
            from fedrec.auditing.engine import conduct_audit

            result = conduct_audit(asked.options, asked.overrides, asked.passed, data, progress)
        write_pages(result, Path(asked.options.folder))
        return result

    return alone(action)


def _typed(value: object) -> str:
    """Return a value as one types it on the command line."""
    return ",".join(map(str, value)) if isinstance(value, Sequence) and not isinstance(value, str) else str(value)
