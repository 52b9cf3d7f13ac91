"""`python -m fedrec.flower`: a federation of real processes on this machine, one run of it, and the run's exit status.

The exit status is 0 for done, 1 if the run or a process that it needs failed, 2 for bad input (one line on stderr), 130 for Ctrl-C, 143
for SIGTERM. Nothing heavy is imported before it is needed, so that `--help` is answered at once.
"""

import sys
from collections.abc import Sequence

from fedrec.cli.ending import exit_after
from fedrec.cli.terminal_width import fitted

HELP = """Attack and defense in a real federation: Flower on this machine.
Starts a SuperLink, SuperNodes and the run as processes of their own, which
talk over 127.0.0.1, prints what the server prints, and ends them all.
Interrupted? Give the same command again: it goes on.

  python -m fedrec.flower attack=pieck_uea defense=ours nodes=4
  python -m fedrec.flower defense=krum system.epochs=20 tls=true

What is trained is chosen as for fedrec.main (python -m fedrec.main --help):
attack=NAME, defense=NAME, model=NAME, dataset=NAME, and GROUP.KEY=VALUE.

What runs it is KEY=VALUE, too:
  nodes=4               SuperNodes; each holds a part of the users
  folder=FOLDER         of results, logs and what nodes keep; default:
                        outputs/flower/ and a name made from the overrides
                        and the number of nodes
  round_timeout=600     seconds that the server waits for the replies of a
                        round
  tls=true              encrypt connections, and admit only nodes whose key
                        is registered; certificates and keys are made in
                        FOLDER/certificates
  --config-dir FOLDER   with attacks and defenses of your own

FOLDER/logs holds a log of each process, FOLDER/nodes/K what node K keeps.
It needs Flower: pip install 'fedrec[flower]'

Exit status: 0 done, 1 the run failed, 2 bad input, 130 Ctrl-C, 143 SIGTERM."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says and return the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if {"--help", "-h"}.intersection(given):
        print(fitted(HELP))
        return 0
    from fedrec.campaigns.campaign_command import conducted
    from fedrec.flower.launcher import program

    return conducted(program, HELP, (), given)


if __name__ == "__main__":
    exit_after(main)
