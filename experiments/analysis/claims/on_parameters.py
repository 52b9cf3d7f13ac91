"""What the paper says about p, N, K and the parts of the attack and of the defense: Fig. 5, Tables V and VI."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from experiments.analysis.claims.claim import INEFFECTIVE, KEPT, PIECK, Check, Claim, er, hr
from experiments.analysis.claims.estimate import Estimate, strongest, weakest
from experiments.analysis.measured import Measured
from experiments.analysis.names import named

SHARES = ("0.005", "0.01", "0.02", "0.05", "0.1", "0.15", "0.2")  # p of Fig. 5


def _more_attackers(m: Measured) -> Iterable[Check]:
    found = {
        attack: [er(m, "fig5_share", attack=attack, defense="none", system__malicious_share=share) for share in SHARES] for attack in PIECK
    }
    for attack, values in found.items():
        numbers = ", ".join(f"{value:.0f}" for value in values)
        rises = [values[-1] - values[0] - 5, *(after - before + 5 for before, after in pairwise(values))]
        yield Check(weakest(rises), f"{named('attack', attack)} rises with p: {numbers} %")
    lead = [uea - ipe for ipe, uea in zip(*found.values(), strict=True)]
    ahead = sum(one.value > 0 for one in lead)
    yield Check(weakest(lead), f"PIECK-UEA is ahead at {ahead} of {len(lead)} values of p")
    exposure = {
        (attack, share): er(m, "fig5_share", attack=attack, defense="ours", system__malicious_share=share)
        for attack in PIECK
        for share in SHARES
    }
    attack, share = worst = max(exposure, key=exposure.__getitem__)
    numbers = f"with `ours` at worst {exposure[worst]:.2f} % ({named('attack', attack)}, p = {float(share):.1%})"
    yield Check(5 - exposure[worst], numbers)


def _hits_do_not_follow_p(m: Measured) -> Iterable[Check]:
    for attack in PIECK:
        for defense in ("none", "ours"):
            found = [hr(m, "fig5_share", attack=attack, defense=defense, system__malicious_share=share) for share in SHARES]
            setting = f"{named('attack', attack)}, {named('defense', defense)}"
            yield Check(3 - (max(found) - min(found)), f"{setting}: {min(found):.2f} to {max(found):.2f} %")


def _few_are_enough(m: Measured) -> Iterable[Check]:
    for attack, usual, threshold in (("pieck_ipe", 10, 50), ("pieck_uea", 50, 250)):
        found = {n: er(m, "fig5_attack", attack=attack, attack__N=n) for n in (10, 50, 100, 150, 250, 500)}
        beyond = max(value for n, value in found.items() if n > threshold)
        numbers = f"{found[usual]:.1f} % with N = {usual}, at most {beyond:.1f} % with N above {threshold}"
        yield Check(found[usual] - 20 - beyond, f"{named('attack', attack)}: {numbers}")


def _moderate_defense(m: Measured) -> Iterable[Check]:
    for attack in PIECK:
        exposure, hits = ({n: measure(m, "fig5_defense", attack=attack, defense__N=n) for n in (10, 500)} for measure in (er, hr))
        name = named("attack", attack)
        yield Check(INEFFECTIVE - exposure[10], f"{name}, N = 10: ER@10 {exposure[10]:.2f} %")
        numbers = f"ER@10 {exposure[500]:.2f} %, HR@10 falls from {hits[10]:.2f} to {hits[500]:.2f} %"
        yield Check(weakest([exposure[500] - exposure[10], hits[10] - hits[500]]), f"{name}, N = 500: {numbers}")


def _k_does_not_matter(m: Measured) -> Iterable[Check]:
    for attack in PIECK:
        for k in (5, 20):
            none, ours = (er(m, "table5", k, attack=attack, defense=defense) for defense in ("none", "ours"))
            numbers = f"{none:.1f} % without, {ours:.2f} % with `ours`"
            yield Check(weakest([none - 80, 10 - ours]), f"{named('attack', attack)}, K = {k}: {numbers}")


def _every_part_of_ipe_helps(m: Measured) -> Iterable[Check]:
    steps = (("kl", False), ("cosine", False), ("cosine", True), ("split_cosine", True))
    found = [er(m, "table6_attack", attack__similarity=similarity, attack__weighted=weighted) for similarity, weighted in steps]
    numbers = ", ".join(f"{value:.1f}" for value in found)
    rises = weakest(after - before for before, after in pairwise(found))
    yield Check(rises, f"PKL, PCOS, with kappa, with P+/- should rise: {numbers} %")


def _both_terms_are_needed(m: Measured) -> Iterable[Check]:
    def worst(beta: float, gamma: float) -> tuple[Estimate, Estimate]:
        settings = [{"attack": attack, "defense__beta": beta, "defense__gamma": gamma} for attack in PIECK]
        found = [(er(m, "table6_defense", **choices), hr(m, "table6_defense", **choices)) for choices in settings]
        return max(exposure for exposure, _ in found), min(hits for _, hits in found)

    (full_er, full_hr), (re1_er, re1_hr), (re2_er, _) = worst(1.0, 1.0), worst(1.0, 0.0), worst(0.0, 1.0)
    yield Check(INEFFECTIVE - full_er, f"both: ER@10 {full_er:.2f} % at worst")
    numbers = f"ER@10 {re1_er:.1f} % at worst, HR@10 {re1_hr:.2f} % (both: {full_hr:.2f} %)"
    yield Check(strongest([re1_er - full_er - 10, full_hr - KEPT - re1_hr]), f"Re1 alone: {numbers}")
    yield Check(re2_er - full_er - 10, f"Re2 alone: ER@10 {re2_er:.1f} % at worst")


CLAIMS: Sequence[Claim] = (
    Claim("ER@10 rises with p, PIECK-UEA is ahead, and `ours` holds (below 5 %).", "Fig. 5 (a), (b)", _more_attackers),
    Claim("HR@10 hardly changes with p (within 3 points).", "Fig. 5 (a), (b)", _hits_do_not_follow_p),
    Claim("N above 50 breaks PIECK-IPE, N above 250 breaks PIECK-UEA.", "Fig. 5 (c)", _few_are_enough),
    Claim("The defense works with N = 10; a large N defends less and costs hits.", "Fig. 5 (d)", _moderate_defense),
    Claim("For K = 5 and 20, ER@K is above 80 % without a defense and below 10 % with `ours`.", "Table V", _k_does_not_matter),
    Claim("Every part of PIECK-IPE helps: PCOS, then kappa, then P+/-.", "Table VI", _every_part_of_ipe_helps),
    Claim("`ours` needs both of its terms.", "Table VI", _both_terms_are_needed),
)
