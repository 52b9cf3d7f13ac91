"""What the paper says about the attacks without a defense: Sec. VI-B and Table III."""

from collections.abc import Iterable, Sequence

from experiments.analysis.claims.claim import ATTACKS, DATASETS, EFFECTIVE, KEPT, MODELS, PIECK, Check, Claim, er, hr
from experiments.analysis.claims.estimate import Estimate
from experiments.analysis.measured import Measured
from experiments.analysis.names import named


def _er_by_attack(m: Measured, model: str, dataset: str) -> dict[str, Estimate]:
    return {attack: er(m, "table3", model=model, dataset=dataset, attack=attack) for attack in ATTACKS}


def _uea_beats_ipe(m: Measured) -> Iterable[Check]:
    for dataset in DATASETS:
        ipe, uea = (er(m, "table3", model="mf", dataset=dataset, attack=attack) for attack in PIECK)
        yield Check(uea - ipe, f"{named('dataset', dataset)}: PIECK-UEA {uea:.1f} %, PIECK-IPE {ipe:.1f} %")


def _pieck_beats_others(m: Measured) -> Iterable[Check]:
    for dataset in DATASETS:
        found = _er_by_attack(m, "mf", dataset)
        rival = max((attack for attack in ATTACKS if attack not in PIECK), key=found.__getitem__)
        weaker = min(PIECK, key=found.__getitem__)
        numbers = f"{named('attack', weaker)} {found[weaker]:.1f} %, {named('attack', rival)} {found[rival]:.1f} %"
        setting = f"{named('dataset', dataset)}, the weaker of the two and the strongest other"
        yield Check(found[weaker] - found[rival], f"{setting}: {numbers}")


def _masked_is_harmless(m: Measured) -> Iterable[Check]:
    for dataset in DATASETS:
        for attack in ("fedreca", "a_ra"):
            found = er(m, "table3", model="mf", dataset=dataset, attack=attack)
            yield Check(1 - found, f"{named('attack', attack)} on {named('dataset', dataset)}: {found:.2f} %")


def _scorer_is_needed(m: Measured) -> Iterable[Check]:
    for dataset in DATASETS:
        for attack in ("a_ra", "a_hum"):
            mf, dl = (er(m, "table3", model=model, dataset=dataset, attack=attack) for model in MODELS)
            setting = f"{named('attack', attack)} on {named('dataset', dataset)}"
            yield Check(dl - mf - 50, f"{setting}: MF-FRS {mf:.1f} %, DL-FRS {dl:.1f} %")


def _dl_is_susceptible(m: Measured) -> Iterable[Check]:
    for dataset in DATASETS:
        found = {attack: value for attack, value in _er_by_attack(m, "ncf", dataset).items() if attack != "fedreca"}
        weakest = min(found, key=found.__getitem__)
        numbers = f"{named('dataset', dataset)}, the weakest: {named('attack', weakest)} {found[weakest]:.1f} %"
        yield Check(found[weakest] - EFFECTIVE, numbers)


def _attacks_keep_hits(m: Measured) -> Iterable[Check]:
    for model in MODELS:
        for dataset in DATASETS:
            clean = hr(m, "table3", model=model, dataset=dataset, attack="none")
            found = {attack: hr(m, "table3", model=model, dataset=dataset, attack=attack) for attack in ATTACKS}
            worst = min(found, key=found.__getitem__)
            numbers = f"{clean:.2f} % without an attack, at worst {found[worst]:.2f} % ({named('attack', worst)})"
            yield Check(found[worst] - clean + KEPT, f"{named('model', model)} on {named('dataset', dataset)}: {numbers}")


CLAIMS: Sequence[Claim] = (
    Claim("PIECK-UEA beats PIECK-IPE on MF-FRS with every data set.", "Sec. VI-B", _uea_beats_ipe),
    Claim("Both PIECK attacks beat all others on MF-FRS.", "Sec. VI-B", _pieck_beats_others),
    Claim("FedRecA without knowledge and A-ra do nothing to MF-FRS (ER@10 below 1 %).", "Sec. VI-B", _masked_is_harmless),
    Claim("A-ra and A-hum are far weaker on MF-FRS than on DL-FRS (by 50 points of ER@10).", "Sec. VI-B", _scorer_is_needed),
    Claim("Every attack but FedRecA takes DL-FRS over (ER@10 above 90 %).", "Sec. VI-B", _dl_is_susceptible),
    Claim("No attack lowers HR@10 by more than 1.5 points.", "Sec. VI-B", _attacks_keep_hits),
)
