"""Shell completion for `python -m fedrec.main`: Hydra answers the queries, but its own bash script does not understand `-m`."""

from argparse import Namespace

SCRIPT = r"""
_fedrec_line='^(.*[[:space:]]-m[[:space:]]+fedrec\.main)[[:space:]]+(.*)$'

_fedrec_completion() {
    if ! [[ ${COMP_LINE:0:COMP_POINT} =~ $_fedrec_line ]]; then
        [[ -z $_FEDREC_PREVIOUS ]] || "$_FEDREC_PREVIOUS" "$@" # what completed python before
        return
    fi
    local arguments=${BASH_REMATCH[2]} python=${COMP_WORDS[0]/#\~/$HOME} choices before
    local word=${arguments##*[[:space:]]}
    choices=$(COMP_LINE="fedrec $arguments" "$python" -m fedrec.main -sc query=bash 2>/dev/null)
    mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$word")
    [[ ${#COMPREPLY[@]} != 1 || ${COMPREPLY[0]} != *[=./] ]] || compopt -o nospace 2>/dev/null
    before=${word%"${word##*[$COMP_WORDBREAKS]}"} # bash replaces only what follows the last = or :
    COMPREPLY=("${COMPREPLY[@]#"$before"}")
}

declare -F _completion_loader >/dev/null && ! complete -p python &>/dev/null && _completion_loader python
if [[ $(complete -p python 2>/dev/null) =~ -F\ ([^ ]+) && ${BASH_REMATCH[1]} != _fedrec_completion ]]; then
    _FEDREC_PREVIOUS=${BASH_REMATCH[1]}
fi
complete -o bashdefault -o default -F _fedrec_completion python python3
"""
REMOVAL = r"""
complete -r python python3
[[ -z $_FEDREC_PREVIOUS ]] || complete -o bashdefault -o default -F "$_FEDREC_PREVIOUS" python python3
unset -f _fedrec_completion
unset _FEDREC_PREVIOUS _fedrec_line
"""


def script(flags: Namespace) -> str | None:
    """Return the text that bash shall evaluate to install or uninstall completion, or None if the flags ask for something else."""
    asked = flags.overrides if flags.shell_completion else []
    return SCRIPT if "install=bash" in asked else REMOVAL if "uninstall=bash" in asked else None
