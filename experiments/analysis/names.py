"""What choices are called in tables and pictures: the paper's names."""

from collections.abc import Mapping

_NAMES: Mapping[str, str] = {
    "mf": "MF-FRS",
    "ncf": "DL-FRS",
    "ml100k": "ML-100K",
    "ml1m": "ML-1M",
    "amazon_music": "AZ",
    "fedreca": "FedRecA",
    "pipa": "PIPA",
    "a_ra": "A-ra",
    "a_hum": "A-hum",
    "pieck_ipe": "PIECK-IPE",
    "pieck_uea": "PIECK-UEA",
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
    "kl": "PKL",
    "cosine": "PCOS",
    "split_cosine": "PCOS, P+/-",
}
_LABELS: Mapping[str, str] = {
    "attack.num_targets": "|T| = {}",
    "attack.N": "N = {}",
    "defense.N": "N = {}",
    "defense.beta": "beta = {}",
    "defense.gamma": "gamma = {}",
    "system.negatives_per_positive": "q = {}",
    "system.client_learning_rate": "clients' rate {}",
}


def named(option: str, choice: str) -> str:
    """
    A choice as the paper calls it.

    >>> named("attack", "none"), named("model", "ncf"), named("attack.num_targets", "3")
    ('NoAttack', 'DL-FRS', '|T| = 3')
    """
    if choice == "none" and option in {"attack", "defense"}:
        return f"No{option.capitalize()}"
    if option == "attack.weighted":
        return "kappa" if choice == "true" else "no kappa"
    if option == "system.client_learning_rate" and choice == "null":
        return "that of the server"
    if option == "system.loss":
        return choice.upper()
    return _LABELS.get(option, "{}").format(_NAMES.get(choice, choice))
