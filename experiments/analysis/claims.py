"""The paper's statements as assertions over what was measured. None is tuned to hold: one that fails is a finding."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from experiments.analysis.measured import Measured, MeasuredCell
from experiments.analysis.names import named
from fedrec.evaluation.popular_share import POPULAR_SHARE

EFFECTIVE, INEFFECTIVE = 90.0, 2.0  # percent of exposure
KEPT = 1.5  # points of HR@10: what the paper itself passes over (PIPA on ML-1M, DL-FRS: 47.70 to 46.46)
ATTACKS = ("fedreca", "pipa", "a_ra", "a_hum", "pieck_ipe", "pieck_uea")
PIECK = ("pieck_ipe", "pieck_uea")
STRONG = ("a_hum", *PIECK)
SERVER_SIDE = ("norm_bound", "median", "trimmed_mean", "krum", "multi_krum", "bulyan")
DATASETS = ("ml100k", "ml1m", "amazon_music")
SHARES = ("0.005", "0.01", "0.02", "0.05", "0.1", "0.15", "0.2")  # p of Fig. 5


@dataclass(frozen=True)
class Verdict:
    """Of one claim: whether each of its assertions holds, with the numbers."""

    assertions: Sequence[tuple[bool, str]]

    @property
    def holds(self) -> bool:
        return all(true for true, _ in self.assertions)


@dataclass(frozen=True)
class Claim:
    """A statement, where the paper makes it, and how it is checked; `check` raises Unmeasured."""

    text: str
    source: str
    check: Callable[[Measured], Iterable[tuple[bool, str]]]

    def verdict(self, measured: Measured) -> Verdict | None:
        """None if a cell that it needs has not been measured."""
        try:
            return Verdict(list(self.check(measured)))
        except Unmeasured:
            return None


class Unmeasured(Exception):
    """A cell that a claim is about has no result."""


def _cell(measured: Measured, experiment: str, /, **choices: object) -> MeasuredCell:
    if (cell := measured.find(experiment, **choices)) is None:
        raise Unmeasured
    return cell


def _er(measured: Measured, experiment: str, k: int = 10, /, **choices: object) -> float:
    return 100 * _cell(measured, experiment, **choices).mean(f"ER@{k}")


def _hr(measured: Measured, experiment: str, /, **choices: object) -> float:
    return 100 * _cell(measured, experiment, **choices).mean("HR@10")


def _uea_beats_ipe(m: Measured) -> Iterable[tuple[bool, str]]:
    for dataset in DATASETS:
        ipe, uea = (_er(m, "table3", model="mf", dataset=dataset, attack=attack) for attack in PIECK)
        yield uea > ipe, f"{dataset}: {uea:.1f} against {ipe:.1f} %"


def _pieck_beats_others(m: Measured) -> Iterable[tuple[bool, str]]:
    for dataset in DATASETS:
        er = {attack: _er(m, "table3", model="mf", dataset=dataset, attack=attack) for attack in ATTACKS}
        rival = max((attack for attack in ATTACKS if attack not in PIECK), key=er.__getitem__)
        worse = min(PIECK, key=er.__getitem__)
        yield er[worse] > er[rival], f"{dataset}: {worse} {er[worse]:.1f} against {rival} {er[rival]:.1f} %"


def _dl_is_susceptible(m: Measured) -> Iterable[tuple[bool, str]]:
    for dataset in DATASETS:
        er = {attack: _er(m, "table3", model="ncf", dataset=dataset, attack=attack) for attack in ATTACKS if attack != "fedreca"}
        weakest = min(er, key=er.__getitem__)
        yield er[weakest] > EFFECTIVE, f"{dataset}: the weakest is {weakest} with {er[weakest]:.1f} %"


def _masked_is_harmless(m: Measured) -> Iterable[tuple[bool, str]]:
    for dataset in DATASETS:
        for attack in ("fedreca", "a_ra"):
            er = _er(m, "table3", model="mf", dataset=dataset, attack=attack)
            yield er < 1, f"{attack} on {dataset}: {er:.2f} %"


def _attacks_keep_hits(m: Measured) -> Iterable[tuple[bool, str]]:
    for model in ("mf", "ncf"):
        for dataset in DATASETS:
            clean = _hr(m, "table3", model=model, dataset=dataset, attack="none")
            hr = {attack: _hr(m, "table3", model=model, dataset=dataset, attack=attack) for attack in ATTACKS}
            worst = min(hr, key=hr.__getitem__)
            yield hr[worst] > clean - KEPT, f"{model} on {dataset}: {clean:.2f}, at worst {hr[worst]:.2f} ({worst})"


def _ours_defends(m: Measured) -> Iterable[tuple[bool, str]]:
    for model in ("mf", "ncf"):
        for attack in STRONG:
            er = _er(m, "table4", model=model, attack=attack, defense="ours")
            yield er < INEFFECTIVE, f"{attack} on {model}: {er:.2f} %"


def _ours_keeps_hits(m: Measured) -> Iterable[tuple[bool, str]]:
    for model in ("mf", "ncf"):
        for attack in STRONG:
            ours, none = (_hr(m, "table4", model=model, attack=attack, defense=defense) for defense in ("ours", "none"))
            yield ours > none - 2, f"{attack} on {model}: {none:.2f} to {ours:.2f}"


def _dl_is_not_protected(m: Measured) -> Iterable[tuple[bool, str]]:
    for attack in STRONG:
        er = {defense: _er(m, "table4", model="ncf", attack=attack, defense=defense) for defense in SERVER_SIDE}
        best = min(er, key=er.__getitem__)
        yield er[best] > EFFECTIVE, f"{attack}: the best is {best} with {er[best]:.1f} %"


def _mf_is_protected_at_a_price(m: Measured) -> Iterable[tuple[bool, str]]:
    for defense in ("norm_bound", "median", "krum"):
        er = max(_er(m, "table4", model="mf", attack=attack, defense=defense) for attack in STRONG)
        hr = max(_hr(m, "table4", model="mf", attack=attack, defense=defense) for attack in STRONG)
        ours = min(_hr(m, "table4", model="mf", attack=attack, defense="ours") for attack in STRONG)
        yield er < 5 and hr < ours, f"{defense}: ER@10 at most {er:.2f} %, HR@10 at most {hr:.2f}, ours at least {ours:.2f}"


def _filters_may_help_the_attack(m: Measured) -> Iterable[tuple[bool, str]]:
    none = _er(m, "table4", model="mf", attack="a_hum", defense="none")
    for defense in ("trimmed_mean", "bulyan"):
        er = _er(m, "table4", model="mf", attack="a_hum", defense=defense)
        yield er > none, f"{defense}: {er:.1f} against {none:.1f} % without"


def _k_does_not_matter(m: Measured) -> Iterable[tuple[bool, str]]:
    for attack in PIECK:
        for k in (5, 20):
            none, ours = (_er(m, "table5", k, attack=attack, defense=defense) for defense in ("none", "ours"))
            yield none > 80 and ours < 10, f"{attack}, K = {k}: {none:.1f}, with ours {ours:.2f} %"


def _every_part_of_ipe_helps(m: Measured) -> Iterable[tuple[bool, str]]:
    steps = (("kl", False), ("cosine", False), ("cosine", True), ("split_cosine", True))
    er = [_er(m, "table6_attack", attack__similarity=similarity, attack__weighted=weighted) for similarity, weighted in steps]
    shown = " < ".join(f"{value:.1f}" for value in er)
    yield all(before < after for before, after in pairwise(er)), f"PKL, PCOS, with kappa, with P+/-: {shown} ?"


def _both_terms_are_needed(m: Measured) -> Iterable[tuple[bool, str]]:
    def both(beta: float, gamma: float) -> tuple[float, float]:
        found = [(_er(m, "table6_defense", **at), _hr(m, "table6_defense", **at)) for at in points(beta, gamma)]
        return max(er for er, _ in found), min(hr for _, hr in found)

    def points(beta: float, gamma: float) -> list[dict[str, object]]:
        return [{"attack": attack, "defense__beta": beta, "defense__gamma": gamma} for attack in PIECK]

    (full_er, full_hr), (re1_er, re1_hr), (re2_er, _) = both(1.0, 1.0), both(1.0, 0.0), both(0.0, 1.0)
    yield full_er < INEFFECTIVE, f"both: ER@10 {full_er:.2f} % at worst"
    yield re1_er > full_er + 10 or re1_hr < full_hr - KEPT, f"Re1 alone: {re1_er:.1f} % at worst, HR@10 {re1_hr:.2f} against {full_hr:.2f}"
    yield re2_er > full_er + 10, f"Re2 alone: {re2_er:.1f} % at worst"


def _large_q(m: Measured) -> Iterable[tuple[bool, str]]:
    uea, ipe = (_er(m, "table7_q", attack=attack, defense="none") for attack in ("pieck_uea", "pieck_ipe"))
    usual = _er(m, "table4", model="mf", attack="pieck_ipe", defense="none")
    yield uea > 80, f"PIECK-UEA {uea:.1f} %"
    yield ipe < usual - 20, f"PIECK-IPE {ipe:.1f} %, {usual:.1f} at q = 1"
    for attack in PIECK:
        er = _er(m, "table7_q", attack=attack, defense="ours")
        yield er < INEFFECTIVE, f"{attack} with ours {er:.2f} %"


def _many_targets(m: Measured) -> Iterable[tuple[bool, str]]:
    for attack in PIECK:
        er = [_er(m, "table9_together", attack=attack, defense="none", attack__num_targets=number) for number in (2, 3, 4, 5)]
        shown = " > ".join(f"{value:.1f}" for value in er)
        yield all(before > after for before, after in pairwise(er)), f"{attack} together, |T| = 2 to 5: {shown} ?"
        for number in (3, 5):
            together, copied = (
                _er(m, f"table9_{way}", attack=attack, defense="none", attack__num_targets=number) for way in ("together", "copy")
            )
            yield copied > together, f"{attack}, |T| = {number}: copied {copied:.1f} against {together:.1f} %"
    ways = (("together", (2, 3, 4, 5)), ("copy", (3, 5)))
    worst = max(
        _er(m, f"table9_{way}", attack=attack, defense="ours", attack__num_targets=number)
        for way, numbers in ways
        for number in numbers
        for attack in PIECK
    )
    yield worst < 5, f"with ours {worst:.2f} % at worst"


def _learning_rates(m: Measured) -> Iterable[tuple[bool, str]]:
    rate = "system__client_learning_rate"
    equal, fixed, drawn = (_hr(m, "table10", attack="none", **{rate: value}) for value in ("null", "0.01", "[0.01,1.0]"))
    yield fixed < equal - 5, f"HR@10 with a fixed other rate: {equal:.2f} to {fixed:.2f}"
    yield drawn < fixed - 10, f"with drawn rates: {drawn:.2f}"
    for attack in PIECK:
        er = {value: _er(m, "table10", attack=attack, **{rate: value}) for value in ("null", "0.01", "[0.01,1.0]")}
        yield er["0.01"] > 80, f"{attack}, fixed: {er['0.01']:.1f} %"
        yield er["[0.01,1.0]"] < er["null"], f"{attack}, drawn: {er['[0.01,1.0]']:.1f} against {er['null']:.1f} %"


def _bpr(m: Measured) -> Iterable[tuple[bool, str]]:
    for attack in PIECK:
        none, ours = (_er(m, "table11", attack=attack, defense=defense, system__loss="bpr") for defense in ("none", "ours"))
        yield none > 80 and ours < 5, f"{attack}: {none:.1f}, with ours {ours:.2f} %"


def _more_attackers(m: Measured) -> Iterable[tuple[bool, str]]:
    er = {
        attack: [_er(m, "fig5_share", attack=attack, defense="none", system__malicious_share=share) for share in SHARES] for attack in PIECK
    }
    for attack, values in er.items():
        falls = max(before - after for before, after in pairwise(values))
        yield falls < 5 and values[-1] > values[0] + 5, f"{attack}: " + ", ".join(f"{value:.0f}" for value in values) + " %"
    ahead = [uea >= ipe for ipe, uea in zip(*er.values(), strict=True)]
    yield all(ahead), f"UEA ahead at {sum(ahead)} of {len(ahead)} values of p"
    worst = max(
        (_er(m, "fig5_share", attack=attack, defense="ours", system__malicious_share=share), share, attack)
        for attack in PIECK
        for share in SHARES
    )
    yield worst[0] < 5, f"with ours at worst {worst[0]:.2f} % ({worst[2]}, p = {float(worst[1]):.1%})"


def _few_are_enough(m: Measured) -> Iterable[tuple[bool, str]]:
    for attack, threshold in (("pieck_ipe", 50), ("pieck_uea", 250)):
        er = {n: _er(m, "fig5_attack", attack=attack, attack__N=n) for n in (10, 50, 100, 150, 250, 500)}
        within, beyond = er[10 if attack == "pieck_ipe" else 50], [value for n, value in er.items() if n > threshold]
        yield max(beyond) < within - 20, f"{attack}: {within:.1f} % with its N, beyond {threshold} at most {max(beyond):.1f} %"


def _moderate_defense(m: Measured) -> Iterable[tuple[bool, str]]:
    for attack in PIECK:
        er, hr = ({n: measure(m, "fig5_defense", attack=attack, defense__N=n) for n in (10, 500)} for measure in (_er, _hr))
        yield er[10] < INEFFECTIVE, f"{attack}, N = 10: ER@10 {er[10]:.2f} %"
        yield er[500] > er[10] and hr[500] < hr[10], f"N = 500: {er[500]:.2f} %, HR@10 {hr[10]:.2f} to {hr[500]:.2f}"


def _ipe_fades(m: Measured) -> Iterable[tuple[bool, str]]:
    drops = {}
    for attack in PIECK:
        (curve, *_) = (run["curve"]["ER@10"] for run in _cell(m, "fig6_convergence", attack=attack).runs.values())
        drops[attack] = 100 * (max(curve) - curve[-1])
    yield (
        drops["pieck_ipe"] > drops["pieck_uea"],
        "from the peak to the last epoch: " + ", ".join(f"{a} {d:.1f} points" for a, d in drops.items()),
    )


def _costs(m: Measured) -> Iterable[tuple[bool, str]]:
    def milliseconds(model: str, attack: str, defense: str = "none") -> float:
        cell = _cell(m, "fig6_cost", model=model, attack=attack, defense=defense)
        return 1000 * cell.seconds_per_round

    for model in ("mf", "ncf"):
        plain, ipe, uea = (milliseconds(model, attack) for attack in ("none", *PIECK))
        ours = milliseconds(model, "none", "ours")
        yield max(ipe, uea) < 1.25 * plain, f"{model}: {plain:.1f} ms a round, IPE {ipe:.1f}, UEA {uea:.1f}"
        yield uea > ipe, "UEA costs more than IPE"
        yield ours > plain, f"ours {ours:.1f} ms"
    yield milliseconds("ncf", "none") > milliseconds("mf", "none"), "DL-FRS costs more than MF-FRS"


def _sampling_ratio(m: Measured) -> Iterable[tuple[bool, str]]:
    for epochs in (150, 300):
        hr = {q: _hr(m, "fig7", system__negatives_per_positive=q, system__epochs=epochs) for q in range(1, 16)}
        peak = max(hr, key=hr.__getitem__)
        late = max(value for q, value in hr.items() if q >= 11)
        yield 1 < peak < 11, f"{epochs} epochs: peak {hr[peak]:.2f} at q = {peak}, {hr[1]:.2f} at q = 1"
        yield late < hr[1], f"from q = 11 on at most {late:.2f}"


def _changes_tell_popularity(m: Measured) -> Iterable[tuple[bool, str]]:
    for model in ("mf", "ncf"):
        run = _cell(m, "fig4", model=model).runs[0]
        popular = POPULAR_SHARE * run["dataset"]["items"]
        shares = {round: sum(rank <= popular for rank in ranks) / len(ranks) for round, ranks in run["delta_norm"].items()}
        yield min(shares.values()) > 0.5, f"{model}: " + ", ".join(f"round {round} {share:.0%}" for round, share in shares.items())


def _popular_items_reach_users(m: Measured) -> Iterable[tuple[bool, str]]:
    mf, dl = (_cell(m, "table2", model=model) for model in ("mf", "ncf"))
    ucr = mf.mean("UCR@10", "final")
    yield ucr > 0.98, f"UCR of 10 items {ucr:.4f}"
    pkl = {n: mf.mean(f"PKL@{n}", "final") for n in (1, 10, 50, 150)}
    yield min(pkl, key=pkl.__getitem__) == 10, "PKL of MF-FRS, lowest at N = 10: " + ", ".join(f"{value:.4f}" for value in pkl.values())
    deep = max(dl.mean(f"PKL@{n}", "final") for n in (1, 10, 50, 150))
    yield deep < min(pkl.values()), f"PKL of DL-FRS at most {deep:.4f}"


def _long_tail(m: Measured) -> Iterable[tuple[bool, str]]:
    for dataset in ("ml100k", "amazon_music"):
        share = _cell(m, "fig3", dataset=dataset).popular_share
        yield share > 0.5, f"{dataset}: {share:.1%}"


def _interaction_is_needed(m: Measured) -> Iterable[tuple[bool, str]]:
    for dataset in DATASETS:
        for attack in ("a_ra", "a_hum"):
            mf, dl = (_er(m, "table3", model=model, dataset=dataset, attack=attack) for model in ("mf", "ncf"))
            yield dl > mf + 50, f"{attack} on {dataset}: {mf:.1f} against {dl:.1f} %"


def _ours_is_best(m: Measured) -> Iterable[tuple[bool, str]]:
    for model in ("mf", "ncf"):
        for attack in STRONG:
            er = {defense: _er(m, "table4", model=model, attack=attack, defense=defense) for defense in ("ours", *SERVER_SIDE)}
            rival = min(SERVER_SIDE, key=er.__getitem__)
            yield er["ours"] <= er[rival] + 2, f"{attack} on {model}: {er['ours']:.2f}, the best other ({rival}) {er[rival]:.2f} %"


def _hits_do_not_follow_p(m: Measured) -> Iterable[tuple[bool, str]]:
    for attack in PIECK:
        for defense in ("none", "ours"):
            hr = [_hr(m, "fig5_share", attack=attack, defense=defense, system__malicious_share=share) for share in SHARES]
            yield max(hr) - min(hr) < 3, f"{attack}, {named('defense', defense)}: {min(hr):.2f} to {max(hr):.2f}"


CLAIMS: Sequence[Claim] = (
    Claim("The 15 % most popular items have more than half of all interactions", "Fig. 3", _long_tail),
    Claim("Most of the 50 items that change most are popular, in every round", "Fig. 4", _changes_tell_popularity),
    Claim("Ten popular items reach nearly all users and are most like them; in DL-FRS all are", "Table II", _popular_items_reach_users),
    Claim("PIECK-UEA beats PIECK-IPE on MF-FRS everywhere", "Sec. VI-B", _uea_beats_ipe),
    Claim("Both PIECK attacks beat all others on MF-FRS", "Sec. VI-B", _pieck_beats_others),
    Claim("FedRecA without knowledge and A-ra do nothing to MF-FRS (ER@10 below 1 %)", "Sec. VI-B", _masked_is_harmless),
    Claim("A-ra and A-hum are far weaker on MF-FRS than on DL-FRS (by 50 points)", "Sec. VI-B", _interaction_is_needed),
    Claim("Every attack but FedRecA takes DL-FRS over (ER@10 above 90 %)", "Sec. VI-B", _dl_is_susceptible),
    Claim("No attack hurts HR@10 by more than 1.5 points", "Sec. VI-B", _attacks_keep_hits),
    Claim("`ours` brings every attack under 2 % ER@10", "Sec. VI-C", _ours_defends),
    Claim("`ours` lets least through of all defenses (within 2 points)", "Sec. VI-C", _ours_is_best),
    Claim("`ours` costs less than two points of HR@10", "Sec. VI-C", _ours_keeps_hits),
    Claim("No server-side defense protects DL-FRS (ER@10 above 90 %)", "Sec. VI-C", _dl_is_not_protected),
    Claim("NormBound, Median and Krum protect MF-FRS, with fewer hits than `ours`", "Table IV", _mf_is_protected_at_a_price),
    Claim("TrimmedMean and Bulyan even help A-hum", "Sec. VI-C", _filters_may_help_the_attack),
    Claim("More malicious clients, more exposure; UEA ahead; `ours` holds (below 5 %)", "Fig. 5 (a), (b)", _more_attackers),
    Claim("HR@10 hardly follows p (within 3 points)", "Fig. 5 (a), (b)", _hits_do_not_follow_p),
    Claim("N beyond 50 breaks PIECK-IPE, beyond 250 PIECK-UEA", "Fig. 5 (c)", _few_are_enough),
    Claim("The defense works with N = 10, and a large N defends less and costs hits", "Fig. 5 (d)", _moderate_defense),
    Claim("K = 5 and 20: above 80 % without a defense, below 10 % with `ours`", "Table V", _k_does_not_matter),
    Claim("Every part of PIECK-IPE helps: PCOS, then kappa, then P+/-", "Table VI", _every_part_of_ipe_helps),
    Claim("`ours` needs both terms", "Table VI", _both_terms_are_needed),
    Claim("PIECK-IPE fades as training goes on, PIECK-UEA less (ML-1M)", "Fig. 6 (a)", _ipe_fades),
    Claim("Attacks cost next to nothing, UEA more than IPE; DL-FRS and `ours` cost more", "Fig. 6 (b)", _costs),
    Claim(
        "HR@10 peaks at a moderate q, and from q = 11 on it is below that of q = 1 (the paper trains for 150 epochs here)",
        "Fig. 7",
        _sampling_ratio,
    ),
    Claim("At q = 10 PIECK-UEA stays strong, PIECK-IPE does not, and `ours` holds", "Table VII", _large_q),
    Claim("ER@10 falls with |T| when targets are trained together and recovers with copies; `ours` holds", "Table IX", _many_targets),
    Claim(
        "Other learning rates of the clients cost hits; fixed ones leave the attacks strong, drawn ones weaken them",
        "Table X",
        _learning_rates,
    ),
    Claim("With BPR attacks (above 80 %) and defense (below 5 %) work as well", "Table XI", _bpr),
)
