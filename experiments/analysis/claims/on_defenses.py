"""What the paper says about the defenses: Sec. VI-C and Table IV."""

from collections.abc import Iterable, Sequence

from experiments.analysis.claims.claim import EFFECTIVE, INEFFECTIVE, MODELS, SERVER_SIDE, STRONG, Check, Claim, er, hr
from experiments.analysis.claims.estimate import weakest
from experiments.analysis.measured import Measured
from experiments.analysis.names import named


def _ours_defends(m: Measured) -> Iterable[Check]:
    for model in MODELS:
        for attack in STRONG:
            found = er(m, "table4", model=model, attack=attack, defense="ours")
            yield Check(INEFFECTIVE - found, f"{named('attack', attack)} on {named('model', model)}: {found:.2f} %")


def _ours_is_best(m: Measured) -> Iterable[Check]:
    for model in MODELS:
        for attack in STRONG:
            found = {defense: er(m, "table4", model=model, attack=attack, defense=defense) for defense in ("ours", *SERVER_SIDE)}
            rival = min(SERVER_SIDE, key=found.__getitem__)
            numbers = f"`ours` {found['ours']:.2f} %, the best other ({named('defense', rival)}) {found[rival]:.2f} %"
            yield Check(found[rival] + 2 - found["ours"], f"{named('attack', attack)} on {named('model', model)}: {numbers}")


def _ours_keeps_hits(m: Measured) -> Iterable[Check]:
    for model in MODELS:
        for attack in STRONG:
            none, ours = (hr(m, "table4", model=model, attack=attack, defense=defense) for defense in ("none", "ours"))
            setting = f"{named('attack', attack)} on {named('model', model)}"
            yield Check(ours - none + 2, f"{setting}: {none:.2f} % without, {ours:.2f} % with `ours`")


def _dl_is_not_protected(m: Measured) -> Iterable[Check]:
    for attack in STRONG:
        found = {defense: er(m, "table4", model="ncf", attack=attack, defense=defense) for defense in SERVER_SIDE}
        best = min(found, key=found.__getitem__)
        numbers = f"the best defense ({named('defense', best)}) leaves {found[best]:.1f} %"
        yield Check(found[best] - EFFECTIVE, f"{named('attack', attack)}: {numbers}")


def _mf_is_protected_at_a_price(m: Measured) -> Iterable[Check]:
    for defense in ("norm_bound", "median", "krum"):
        exposure = max(er(m, "table4", model="mf", attack=attack, defense=defense) for attack in STRONG)
        hits = max(hr(m, "table4", model="mf", attack=attack, defense=defense) for attack in STRONG)
        ours = min(hr(m, "table4", model="mf", attack=attack, defense="ours") for attack in STRONG)
        numbers = f"ER@10 at most {exposure:.2f} %, HR@10 at most {hits:.2f} %, with `ours` at least {ours:.2f} %"
        yield Check(weakest([5 - exposure, ours - hits]), f"{named('defense', defense)}: {numbers}")


def _filters_may_help_the_attack(m: Measured) -> Iterable[Check]:
    none = er(m, "table4", model="mf", attack="a_hum", defense="none")
    for defense in ("trimmed_mean", "bulyan"):
        found = er(m, "table4", model="mf", attack="a_hum", defense=defense)
        yield Check(found - none, f"{named('defense', defense)} {found:.1f} %, no defense {none:.1f} %")


CLAIMS: Sequence[Claim] = (
    Claim("`ours` brings the ER@10 of every attack below 2 %.", "Sec. VI-C", _ours_defends),
    Claim("No defense lets less through than `ours` (within 2 points of ER@10).", "Sec. VI-C", _ours_is_best),
    Claim("`ours` costs less than two points of HR@10.", "Sec. VI-C", _ours_keeps_hits),
    Claim("No server-side defense protects DL-FRS (ER@10 above 90 %).", "Sec. VI-C", _dl_is_not_protected),
    Claim("NormBound, Median and Krum protect MF-FRS, with fewer hits than `ours`.", "Table IV", _mf_is_protected_at_a_price),
    Claim("TrimmedMean and Bulyan even help A-hum.", "Sec. VI-C", _filters_may_help_the_attack),
)
