"""Configuration and command line -> a checked `Sweep`: every mistake is found before the first trial."""

import math
from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import Field

from fedrec.config.build import Checked, build, check
from fedrec.config.validation import ConfigError, convert, shown, unknown
from fedrec.evaluation.epoch_selection import NEAR
from fedrec.interfaces import Positive
from fedrec.sweeps.hydra_jobs import Composer
from fedrec.sweeps.judged_by import harm_of, has_exposure, tuned_attacks
from fedrec.sweeps.naming import STUDY_NAME
from fedrec.sweeps.objectives import Objective, ReturnedValue
from fedrec.sweeps.outcomes import require_quality
from fedrec.sweeps.samplers import check_options, is_grid, make_pruner, make_sampler
from fedrec.sweeps.search_space import SearchSpace
from fedrec.sweeps.stages import Sweep
from fedrec.sweeps.study import Direction
from fedrec.sweeps.study_storage import locate

SETTINGS: dict[str, Any] = {
    "direction": Direction | Annotated[list[Direction], Field(min_length=1)],
    "study_name": STUDY_NAME,
    "storage": str | None,
    "n_trials": Positive,
    "params": dict[str, Any] | None,
}

_NOT_TUNED = ("seed", "dataset.validation", "evaluation", "sweep", "tracking", "checkpoint", "resume", "reference")


def plan_sweep(config: DictConfig, context: HydraContext, arguments: Sequence[str]) -> Sweep:
    """Return what the workers must know. Raises ConfigError, which names the option, if a trial could not run or not be judged."""
    plain: Any = OmegaConf.to_container(config.hydra.sweeper, resolve=True)
    settings = {name: convert(f"hydra.sweeper.{name}", plain[name], annotation) for name, annotation in SETTINGS.items()}
    check_options(config.hydra.sweeper)
    parser = OverridesParser.create(config_loader=context.config_loader)
    parsed = {text: parser.parse_override(text) for text in arguments}
    fixed = [text for text, override in parsed.items() if not override.is_sweep_override()]
    composer = Composer(context, config)
    checked = check(composer.compose(fixed, []))
    base, objective = checked.config, _objective(checked, settings["direction"])
    inner_space, space = _spaces(objective, settings["params"] or {}, base, parsed, parser)
    _check_space(space, objective.space, composer, base, fixed)
    if objective.inner_space:
        _check_space(inner_space, objective.inner_space, composer, base, fixed)
    sampler, pruner = config.hydra.sweeper.sampler, config.hydra.sweeper.pruner
    make_sampler(sampler, space, 0)
    make_pruner(pruner, len(objective.directions))
    rivals = [check(composer.compose(fixed, [f"attack={one}"])) for one in tuned_attacks(space, inner_space)]
    for rival in rivals:
        _require_measures(rival, objective)
    n_trials, fresh = settings["n_trials"], base.seed + objective.seeds
    return Sweep(
        name=settings["study_name"],
        address=locate(settings["storage"], Path(config.hydra.sweep.dir)),
        n_trials=min(n_trials, math.prod(map(len, space.grid().values()))) if is_grid(sampler) else n_trials,
        objective=objective,
        space=space,
        inner_space=inner_space,
        sampler=sampler,
        pruner=pruner,
        arguments=fixed,
        seeds=range(base.seed, fresh),
        fresh_seeds=range(fresh, fresh + objective.fresh_seeds),
        selection=base.evaluation.selection,
        exposed_above=base.evaluation.exposed_above,
        harm=harm_of(rivals or [checked]),
    )


def as_given(sweep: Sweep, config: DictConfig) -> dict[str, Any] | None:
    """Return the parameters as the configuration sets them, or None if the search space has no room for them or is a grid."""
    choices = config.hydra.runtime.choices
    values = {name: choices[name] if name in choices else OmegaConf.select(config, name) for name in sweep.space.distributions}
    return values if sweep.space.contains(values) and not is_grid(sweep.sampler) else None


def _spaces(
    objective: Objective, params: Mapping[str, str], base: DictConfig, parsed: Mapping[str, Override], parser: OverridesParser
) -> tuple[SearchSpace, SearchSpace]:
    """Return what is tuned inside a trial and what is tuned by the sweep. The command line wins over `params`, which win over `space`."""
    named = {str(override.key_or_group): text for text, override in parsed.items()}
    swept = {name: text for name, text in named.items() if parsed[text].is_sweep_override()}

    def existing(space: Mapping[str, str], others: Container[str]) -> list[str]:
        return [f"{name}={values}" for name, values in space.items() if name not in others and OmegaConf.select(base, name) is not None]

    inside = [*existing(objective.inner_space, named), *(text for name, text in swept.items() if name in objective.inner_space)]
    outside = [
        *existing(objective.space, {**named, **params}),
        *(f"{name}={values}" for name, values in params.items() if name not in named),
        *(text for name, text in swept.items() if name not in objective.inner_space),
    ]
    return SearchSpace.parse(inside, parser), SearchSpace.parse(outside, parser)


def _check_space(space: SearchSpace, options: Mapping[str, str], composer: Composer, base: DictConfig, fixed: Sequence[str]) -> None:
    """Check both ends of every range and every choice; that of a group with other parameters, because it may lack their options."""
    corners = list(space.corners())
    if not corners:
        known = f"none of {', '.join(options)} is an option of this configuration; " if options else ""
        raise ConfigError(f"nothing to tune: {known}name parameters, for instance 'defense.beta=interval(0,10)'")
    first = dict(reversed(corners))
    for name, override in corners:
        if name.split(".")[0] in _NOT_TUNED or name in _NOT_TUNED:
            raise ConfigError(f"search space of {name}: a sweep sets it itself, so it cannot be tuned")
        try:
            check(composer.compose(fixed, list(({name: override} if "." in name else {**first, name: override}).values())))
        except ConfigError as error:
            raise ConfigError(f"search space of {name}: {error}") from None
        except OmegaConfBaseException as error:
            names = map(str, OmegaConf.select(base, name.rpartition(".")[0]) or ())
            reason = unknown(name, names) if "." in name else f"{override} has no option {error.full_key}"
            raise ConfigError(f"search space of {name}: {reason}") from None
        except HydraException as error:
            reason = " ".join(str(error).partition("Config search path")[0].split())
            raise ConfigError(f"search space of {name}: {override}: {reason}") from None


def _objective(checked: Checked, direction: Direction | list[Direction]) -> Objective:
    """Return what the sweep tunes for. Raises ConfigError if the rest of the configuration does not allow to measure it."""
    config = checked.config
    directions: tuple[Direction, ...] = (direction,) if isinstance(direction, str) else tuple(direction)
    objective: Objective | None = build(config.get("sweep"))
    if objective is None:
        return ReturnedValue(space={}, returned=directions)
    own = tuple(objective.directions.values())
    if own != directions:
        raise ConfigError(f"hydra.sweeper.direction={shown(direction)} is not allowed: this sweep must {' and '.join(own)}")
    if not config.dataset.get("validation"):
        raise ConfigError("dataset.validation must be true: sweeps are tuned on the validation item, never on the test item")
    _require_measures(checked, objective)
    if objective.objective == "near_best" and config.evaluation.every > NEAR:
        raise ConfigError(f"sweep.objective=near_best is a mean over {2 * NEAR + 1} epochs: evaluation.every must be at most {NEAR}")
    return objective


def _require_measures(checked: Checked, objective: Objective) -> None:
    """Raise ConfigError if a run would not measure what its attack is judged by."""
    config = checked.config
    metric, _, k = config.evaluation.selection.partition("@")
    needed = {"ER", metric} if has_exposure(checked) else {metric}
    if metric == "ER" or not needed <= {*config.evaluation.metrics} or int(k) not in config.evaluation.k:
        found = f"evaluation.metrics={shown(list(config.evaluation.metrics))} evaluation.selection={config.evaluation.selection}"
        raise ConfigError(f"{found}: a sweep needs the metric ER, and selection by another one of the metrics, K among evaluation.k")
    if not has_exposure(checked):
        require_quality(objective.objective)
        if config.reference is None:
            raise ConfigError("reference=null is not allowed: the attack has no target item, so it is compared with the run without it")
