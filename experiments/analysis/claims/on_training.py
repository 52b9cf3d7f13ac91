"""What the paper says about convergence, cost and other ways of training: Figs. 6 and 7, Tables VII and IX to XI."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from experiments.analysis.claims.claim import INEFFECTIVE, MODELS, PIECK, Check, Claim, er, hr, required
from experiments.analysis.claims.estimate import Estimate, weakest
from experiments.analysis.measured import Measured
from experiments.analysis.names import named

RATE = "system__client_learning_rate"


def _ipe_fades(m: Measured) -> Iterable[Check]:
    drops = {}
    for attack in PIECK:
        curves = [run["curve"]["ER@10"] for run in required(m, "fig6_convergence", attack=attack).runs.values()]
        drops[attack] = Estimate.of([max(curve) - curve[-1] for curve in curves], 100)
    numbers = ", ".join(f"{named('attack', attack)} {drop:.1f} points" for attack, drop in drops.items())
    yield Check(drops["pieck_ipe"] - drops["pieck_uea"], f"loss of ER@10 from the peak to the last epoch: {numbers}")


def _costs(m: Measured) -> Iterable[Check]:
    def milliseconds(model: str, attack: str, defense: str = "none") -> Estimate:
        return Estimate.of(required(m, "fig6_cost", model=model, attack=attack, defense=defense).seconds_per_round, 1000)

    for model in MODELS:
        name = named("model", model)
        plain, ipe, uea = (milliseconds(model, attack) for attack in ("none", *PIECK))
        ours = milliseconds(model, "none", "ours")
        numbers = f"{plain:.1f} ms without an attack, PIECK-IPE {ipe:.1f} ms, PIECK-UEA {uea:.1f} ms"
        yield Check(1.25 * plain - max(ipe, uea), f"{name}, a round with an attack takes at most a quarter longer: {numbers}")
        yield Check(uea - ipe, f"{name}: PIECK-UEA costs more than PIECK-IPE")
        yield Check(ours - plain, f"{name}: a round with `ours` takes {ours:.1f} ms")
    yield Check(milliseconds("ncf", "none") - milliseconds("mf", "none"), "DL-FRS costs more than MF-FRS")


def _sampling_ratio(m: Measured) -> Iterable[Check]:
    for epochs in (150, 300):
        found = {q: hr(m, "fig7", system__negatives_per_positive=q, system__epochs=epochs) for q in range(1, 16)}
        peak = max(found, key=found.__getitem__)
        late = max(value for q, value in found.items() if q >= 11)
        moderate = max(value for q, value in found.items() if 1 < q < 11)
        numbers = f"the peak is {found[peak]:.2f} % at q = {peak}; q = 1 has {found[1]:.2f} %"
        yield Check(weakest([moderate - found[1], moderate - late]), f"{epochs} epochs: {numbers}")
        yield Check(found[1] - late, f"{epochs} epochs: from q = 11 on at most {late:.2f} %")


def _large_q(m: Measured) -> Iterable[Check]:
    uea, ipe = (er(m, "table7_q", attack=attack, defense="none") for attack in ("pieck_uea", "pieck_ipe"))
    usual = er(m, "table4", model="mf", attack="pieck_ipe", defense="none")
    yield Check(uea - 80, f"PIECK-UEA {uea:.1f} %")
    yield Check(usual - 20 - ipe, f"PIECK-IPE {ipe:.1f} %, at q = 1 {usual:.1f} %")
    for attack in PIECK:
        found = er(m, "table7_q", attack=attack, defense="ours")
        yield Check(INEFFECTIVE - found, f"{named('attack', attack)} with `ours` {found:.2f} %")


def _many_targets(m: Measured) -> Iterable[Check]:
    def targets(way: str, attack: str, number: int, defense: str = "none") -> Estimate:
        return er(m, f"table9_{way}", attack=attack, defense=defense, attack__num_targets=number)

    for attack in PIECK:
        name, found = named("attack", attack), [targets("together", attack, number) for number in (2, 3, 4, 5)]
        numbers = ", ".join(f"{value:.1f}" for value in found)
        falls = weakest(before - after for before, after in pairwise(found))
        yield Check(falls, f"{name}, 2 to 5 targets together should fall: {numbers} %")
        for number in (3, 5):
            together, copied = (targets(way, attack, number) for way in ("together", "copy"))
            yield Check(copied - together, f"{name}, {number} targets: copied {copied:.1f} %, together {together:.1f} %")
    ways = (("together", (2, 3, 4, 5)), ("copy", (3, 5)))
    worst = max(targets(way, attack, number, "ours") for way, numbers in ways for number in numbers for attack in PIECK)
    yield Check(5 - worst, f"with `ours` {worst:.2f} % at worst")


def _learning_rates(m: Measured) -> Iterable[Check]:
    rates = ("null", "0.01", "[0.01,1.0]")
    equal, fixed, drawn = (hr(m, "table10", attack="none", **{RATE: rate}) for rate in rates)
    yield Check(equal - 5 - fixed, f"HR@10 {equal:.2f} % with the rate of the server, {fixed:.2f} % with another fixed rate")
    yield Check(fixed - 10 - drawn, f"HR@10 {drawn:.2f} % with drawn rates")
    for attack in PIECK:
        name, found = named("attack", attack), {rate: er(m, "table10", attack=attack, **{RATE: rate}) for rate in rates}
        yield Check(found["0.01"] - 80, f"{name} with the fixed rate: {found['0.01']:.1f} %")
        numbers = f"{found[rates[2]]:.1f} % with drawn rates, {found['null']:.1f} % with equal ones"
        yield Check(found["null"] - found[rates[2]], f"{name}: {numbers}")


def _bpr(m: Measured) -> Iterable[Check]:
    for attack in PIECK:
        none, ours = (er(m, "table11", attack=attack, defense=defense, system__loss="bpr") for defense in ("none", "ours"))
        numbers = f"{none:.1f} % without, {ours:.2f} % with `ours`"
        yield Check(weakest([none - 80, 5 - ours]), f"{named('attack', attack)}: {numbers}")


CLAIMS: Sequence[Claim] = (
    Claim("PIECK-IPE fades as training goes on, PIECK-UEA less (ML-1M).", "Fig. 6 (a)", _ipe_fades),
    Claim("Attacks cost next to nothing, PIECK-UEA more than PIECK-IPE; DL-FRS and `ours` cost more.", "Fig. 6 (b)", _costs),
    Claim(
        "HR@10 peaks at a moderate q, and from q = 11 on it is below that of q = 1 (the paper trains for 150 epochs here).",
        "Fig. 7",
        _sampling_ratio,
    ),
    Claim("At q = 10 PIECK-UEA stays strong, PIECK-IPE does not, and `ours` holds.", "Table VII", _large_q),
    Claim(
        "ER@10 falls with the number of targets that are trained together and recovers with copies; `ours` holds.",
        "Table IX",
        _many_targets,
    ),
    Claim(
        "Learning rates of the clients' own cost hits; a fixed one leaves the attacks strong, drawn ones weaken them.",
        "Table X",
        _learning_rates,
    ),
    Claim("With BPR the attacks (above 80 %) and the defense (below 5 %) work as well.", "Table XI", _bpr),
)
