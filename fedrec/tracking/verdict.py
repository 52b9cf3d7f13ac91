"""The verdict on a run in words: how many users see the target item, and how good the recommendations are."""

from collections.abc import Iterator, Mapping
from typing import Any

from fedrec.config.choices import names
from fedrec.evaluation.epoch_selection import NEAR, exposure_of

_SWING = 0.1  # of ER@K between the best epoch and those around it
_FALL = 0.5  # of the quality at the best epoch that must be left at the last one
_ENDED = {"KILLED": "interrupted", "PRUNED": "ended early", "FAILED": "failed"}  # before the last round
_COUNTED = {"untrained": "have not trained on it", "unmet": "have neither trained on it nor are tested on it"}  # evaluation.exposed_users


def verdict(summary: Mapping[str, Any], without: Mapping[str, Any] | None = None) -> str:
    """Return a few sentences about a run that has ended, in whatever way.

    `without` is the summary of the same run without what `left_out` names; None if nobody knows it. A run that did not reach its last
    round is not compared.
    """
    ended = f"{_ENDED[summary['status']]} after {summary['rounds']} rounds" if summary["status"] in _ENDED else ""
    if not summary["evaluations"]:
        return _sentence(f"{ended}, before the first evaluation" if ended else "No evaluation was answered")
    found = "; ".join(filter(None, (_exposed(summary), _quality(summary))))
    first = f"{ended}: {_situation(summary)}" if ended else _situation(summary)
    compared = [_compared(summary, without)] if without is not None and not ended else []
    reached = f"{first}, {found} (best epoch, {summary['best']['epoch']})"
    return " ".join(map(_sentence, [reached, *_falling(summary), *_degraded(summary), *compared, *_swinging(summary)]))


def lost_metric(summary: Mapping[str, Any]) -> str | None:
    """Return the quality by which an untargeted attack is judged, HR@K as a rule; None if the run is not compared so."""
    lost = summary.get("degradation") or {}
    return next((name for name in _qualities(summary) if name in lost), None)


def left_out(config: Mapping[str, Any]) -> str | None:
    """Return what a run is compared without: its `defense`, or its `attack` if it has no defense; None if it has neither.

    >>> left_out({"choices": {"attack": "pieck_uea", "defense": "none"}})
    'attack'
    """
    chosen = names(config)
    return next((group for group in ("defense", "attack") if chosen[group] != "none"), None)


def _situation(summary: Mapping[str, Any]) -> str:
    chosen = names(summary["config"])
    defense = "without a defense" if chosen["defense"] == "none" else f"with the defense {chosen['defense']}"
    if chosen["attack"] == "none":
        return "without an attack" if chosen["defense"] == "none" else f"without an attack and {defense}"
    attacked = f"under the attack {chosen['attack']}" if summary["malicious_clients"] else "without a malicious client"
    return f"{attacked} and {defense}"


def _exposed(summary: Mapping[str, Any]) -> str:
    """Return what share of which users sees the target items; nothing if there are none."""
    options, n, exposure = summary["config"]["evaluation"], len(summary["target_items"]), _exposure(summary)
    if not n:
        return ""
    if reason := summary["undefined"].get(exposure):
        return f"{exposure} is undefined, because {reason}"
    if exposure not in summary["best"]:
        return f"{exposure} was not measured"
    subject = "the target item reaches" if n == 1 else f"each of the {n} target items reaches on average"
    top, share = exposure.partition("@")[2], _percent(summary, exposure)
    return f"{subject} the top {top} of {share} of the users who {_COUNTED[options['exposed_users']]}"


def _quality(summary: Mapping[str, Any]) -> str:
    """Return how good the recommendations are at the best epoch, or nothing if no quality was measured."""
    name = _measured_quality(summary)
    return f"{name} is {_percent(summary, name)}" if name else ""


def _measured_quality(summary: Mapping[str, Any]) -> str | None:
    """Return HR@K, or else the metric that selects the best epoch, or None if that is ER@K."""
    return next((one for one in _qualities(summary) if one in summary["best"] and not one.startswith("ER")), None)


def _falling(summary: Mapping[str, Any]) -> Iterator[str]:
    """Yield that training has collapsed after the best epoch, if that is so."""
    name = _measured_quality(summary)
    if name and summary["final"][name] < _FALL * summary["best"][name]:
        yield f"by the last epoch {name} has fallen to {100 * summary['final'][name]:.1f} %"


def _qualities(summary: Mapping[str, Any]) -> tuple[str, str]:
    return _exposure(summary).replace("ER", "HR"), summary["config"]["evaluation"]["selection"]


def _degraded(summary: Mapping[str, Any]) -> Iterator[str]:
    """Yield what an untargeted attack destroys, and of which quality."""
    if name := lost_metric(summary):
        lost, clean = summary["degradation"], summary["degradation"]["without"]
        share = f"{100 * lost[name]:.1f} % of that" if lost[name] > 0 else "nothing of that"
        yield f"without the attack {name} is {100 * clean[name]:.1f} % (best epoch, {clean['epoch']}), and the attack destroys {share}"


def _compared(summary: Mapping[str, Any], without: Mapping[str, Any]) -> str:
    exposure = _exposure(summary)
    exposed = f"it is {_percent(without, exposure)}" if exposure in without["best"] else ""
    return f"without the {left_out(summary['config'])} {', and '.join(filter(None, (exposed, _quality(without))))}"


def _swinging(summary: Mapping[str, Any]) -> Iterator[str]:
    """Yield that the best epoch says little about the exposure, if that is so."""
    best, near = (summary[rule].get(_exposure(summary)) for rule in ("best", "near_best"))
    if best is not None and abs(best - near) > _SWING:
        yield f"the exposure swings: within {NEAR} epochs of the best it is {100 * near:.1f} % on average"


def _exposure(summary: Mapping[str, Any]) -> str:
    return exposure_of(summary["config"]["evaluation"]["selection"])


def _percent(summary: Mapping[str, Any], name: str) -> str:
    """Return a metric of the best epoch, with its standard error if it was measured on a sample of the users."""
    value, error = summary["best"][name], summary["best"].get(f"{name}_stderr")
    number = "less than 0.1" if 0 < value < 0.0005 else f"{100 * value:.1f}"
    return f"{number}{'' if error is None else f' ± {100 * error:.1f}'} %"


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
