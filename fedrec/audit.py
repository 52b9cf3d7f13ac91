"""`python -m fedrec.audit`: can this recommender be manipulated? `fedrec.audit(...)` is `fedrec.auditing.audit_call.audit`.

The exit status is 0 for done, 1 if runs failed or a limit is exceeded, 2 for bad input (one line on stderr), 130 for Ctrl-C, 143 for
SIGTERM. Nothing heavy is imported before it is needed, so that `--help` is answered at once.
"""

import sys
from collections.abc import Sequence

from fedrec.cli.callable_module import callable_module
from fedrec.cli.ending import exit_after
from fedrec.cli.terminal_width import fitted

HELP = """How many fake accounts manipulate this recommender, and what prevents it?
Runs attacks against defenses on your data, and writes one page: audit.html.
Interrupted? Give the same command again: it goes on.

  python -m fedrec.audit dataset=table dataset.path=purchases.csv
  python -m fedrec.audit dataset=ml100k --quick
  python -m fedrec.audit report FOLDER      the page again
  python -m fedrec.audit check FOLDER --max-exposure 0.05 --accounts 50

What is audited is chosen as for fedrec.main: dataset=ml100k (a table of your
own: dataset=table), model=mf, and their options: dataset.KEY=VALUE,
model.KEY=VALUE, system.KEY=VALUE, evaluation.KEY=VALUE.

What is asked is KEY=VALUE, too:
  budget=10min          how long runs may take: 90s, 1h30min, none. The page
                        names what was left out
  attacks=pieck_uea,ipm      what is tried; default: pieck_uea, pieck_ipe,
                        poison_frs, min_sum, popular, bandwagon (they promote),
                        spattack, cluster_attack, min_sum, ipm (they degrade)
  defenses=ours,[norm_bound,flame]      candidates; default: these two,
                        norm_bound, median, flame, sign_guard, union
  levels=0.01,0.05,0.2,0.5      shares of the users who see the promoted item
                        in their top 10; how many accounts does each need?
  accounts=12,50        numbers of fake accounts that are tried in any case
  seeds=3               runs of each setting
  folder=FOLDER         of runs and page; default: multirun/audit/DATA-MODEL
  device=cpu            or cuda
  launcher=joblib       processes of this machine; or ray, submitit_slurm
  workers=2             how many; default: the cores of this machine
  storage=postgresql+psycopg://USER@HOST/DATABASE
                        results that several machines share
  tracking=none         or mlflow; hydra.KEY and tracking.KEY are passed on
  --quick               a first look: budget=45s, 2 attacks, 2 defenses,
                        1 level, 1 seed
  --dry-run             print the plan and its time; nothing is run or stored
  --config-dir FOLDER   with attacks and defenses of your own

Exit status: 0 done, 1 some runs failed (they are named) or `check` found too
much, 2 bad input, 130 Ctrl-C, 143 SIGTERM."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says and return the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] in (["report"], ["check"]):
        from fedrec.auditing import afterwards

        return afterwards.main(given)
    if {"--help", "-h"}.intersection(given):
        print(fitted(HELP))
        return 0
    from fedrec.auditing.audit_arguments import DRY, QUICK
    from fedrec.auditing.audit_program import program
    from fedrec.campaigns.campaign_command import conducted

    return conducted(program, HELP, (QUICK, DRY), given)


sys.modules[__name__].__class__ = callable_module("fedrec.auditing.audit_call", "audit")

if __name__ == "__main__":
    exit_after(main)
