"""What options and choices are called in tables and pictures: the paper's names. Every text is Markdown."""

import re
from collections.abc import Mapping

from fedrec.comparison.markdown_table import plain

_ESCAPED = re.compile(r"\\([\\`*_<>&~\]#+=.)-])")

_NAMES: Mapping[str, str] = {
    "mf": "MF-FRS",
    "ncf": "DL-FRS",
    "lightgcn": "Fed-LightGCN",
    "ml100k": "ML-100K",
    "ml1m": "ML-1M",
    "amazon_music": "AZ",
    "steam": "Steam",
    "filmtrust": "FilmTrust",
    "fedreca": "FedRecA",
    "pipa": "PIPA",
    "a_ra": "A-ra",
    "a_hum": "A-hum",
    "pieck_ipe": "PIECK-IPE",
    "pieck_uea": "PIECK-UEA",
    "spattack": "Spattack",
    "cluster_attack": "ClusterAttack",
    "fed_attack": "FedAttack",
    "frec_attack2": "FRecAttack2",
    "poison_frs": "PoisonFRS",
    "psmu": "PSMU",
    "pip_attack": "PipAttack",
    "alie": "ALIE",
    "ipm": "IPM",
    "min_max": "Min-Max",
    "min_sum": "Min-Sum",
    "sign_flip": "sign flip",
    "norm_bound": "NormBound",
    "median": "Median",
    "trimmed_mean": "TrimmedMean",
    "krum": "Krum",
    "multi_krum": "MultiKrum",
    "bulyan": "Bulyan",
    "geometric_median": "geometric median",
    "centered_clipping": "centered clipping",
    "foolsgold": "FoolsGold",
    "fltrust": "FLTrust",
    "hics": "HiCS",
    "nnm": "NNM",
    "guard_cq": "GuardCQ",
    "union": "UNION",
    "flame": "FLAME",
    "dnc": "DnC",
    "sign_guard": "SignGuard",
    "arc": "ARC",
    "kl": "PKL",
    "cosine": "PCOS",
    "split_cosine": "PCOS, P+/-",
    "bce": "BCE",
    "bpr": "BPR",
    "true": "yes",
    "false": "no",
}
_HEADINGS: Mapping[str, str] = {
    "dataset": "data set",
    "attack.num_targets": "targets",
    "attack.similarity": "similarity",
    "attack.weighted": "kappa",
    "defense.beta": "beta",
    "defense.gamma": "gamma",
    "system.negatives_per_positive": "q",
    "system.client_learning_rate": "clients' learning rate",
    "system.loss": "loss",
}


def named(option: str, choice: str) -> str:
    """
    Return a choice as the paper calls it.

    >>> named("attack", "none"), named("model", "ncf"), named("attack.num_targets", "3")
    ('NoAttack', 'DL-FRS', '3')
    """
    if choice == "none" and option in {"attack", "defense"}:
        return f"No{option.capitalize()}"
    if option == "system.client_learning_rate" and choice == "null":
        return "that of the server"
    return _NAMES.get(choice) or plain(choice)


def heading(option: str) -> str:
    """
    Return the heading of a column that shows the choices of an option.

    >>> heading("model"), heading("attack.num_targets")
    ('model', 'targets')
    """
    return _HEADINGS.get(option) or plain(option)


def unescaped(markdown: str) -> str:
    """
    Return the text that `plain` was given.

    >>> unescaped(plain("<b>A_hum*"))
    '<b>A_hum*'
    """
    return _ESCAPED.sub(r"\1", markdown)
