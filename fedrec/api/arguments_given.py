"""What a call gives -> the overrides and the configuration that a job of Hydra takes."""

import hashlib
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from fedrec.cli.arguments import parse
from fedrec.config.choices import choices_of
from fedrec.config.secrets import rewrite, stowed
from fedrec.config.validation import ConfigError

if TYPE_CHECKING:
    import pandas as pd

Overrides = str | Sequence[str]


def overrides_of(given: Overrides, config_dir: str | Path | None, *flags: str) -> list[str]:
    """Return overrides as Hydra takes them, checked as on the command line. Raises ValueError as `texts_of` and `parse` do."""
    parsed: list[str] = parse([*texts_of(given, config_dir), *flags]).overrides
    return parsed


def texts_of(given: Overrides, config_dir: str | Path | None) -> list[str]:
    """Return what a call gives as the arguments of a command line. One text may hold several overrides, as a shell would read them.

    Raises ConfigError if it gives anything but overrides.
    """
    texts = shlex.split(given) if isinstance(given, str) else list(given) if isinstance(given, Sequence) else [given]
    if not all(isinstance(text, str) for text in texts):
        raise ConfigError("overrides are texts, KEY=VALUE, or a configuration that Hydra has composed")
    if mistaken := [text for text in texts if text.startswith("-")]:
        raise ConfigError(f"{mistaken[0]}: Python takes overrides, KEY=VALUE; fedrec.sweep runs many jobs, and config_dir names a folder")
    return [*texts, *([] if config_dir is None else ["--config-dir", str(config_dir)])]


def set_to(option: str, value: object) -> str:
    """Return the override that sets an option to a text."""
    quoted = str(value).replace("'", "\\'")
    return f"{option}='{quoted}'"


def with_table(overrides: Sequence[str], data: "pd.DataFrame") -> list[str]:
    """Return the overrides with dataset=table. Raises ConfigError if they choose other data, or `data` is no DataFrame of pandas."""
    import pandas as pd

    if not isinstance(data, pd.DataFrame):
        kind = f"{type(data).__module__}.{type(data).__name__}".removeprefix("builtins.")
        raise ConfigError(f"data must be a DataFrame of pandas, not {kind}")
    chosen = {text.lstrip("+~").partition("=")[0]: text.partition("=")[2] for text in overrides}
    if chosen.setdefault("dataset", "table") != "table":
        raise ConfigError(f"data gives a DataFrame, which dataset=table reads; dataset={chosen['dataset']} has data of its own")
    if "dataset.path" in chosen:
        raise ConfigError(f"data gives a DataFrame, and dataset.path the file {chosen['dataset.path']}: give one of them")
    return ["dataset=table", *(text for text in overrides if text != "dataset=table")]


def name_of(data: "pd.DataFrame") -> str:
    """Return a name that says which DataFrame it is: equal ones have the same, and others have another."""
    import pandas as pd

    from fedrec.data.table.columnar import FRAME

    try:
        rows = pd.util.hash_pandas_object(data, index=False)
    except TypeError:  # a cell holds a list or another object without a hash
        rows = pd.util.hash_pandas_object(data.map(repr), index=False)
    columns = repr([(str(name), str(kind)) for name, kind in data.dtypes.items()])
    return FRAME + hashlib.sha256(columns.encode() + rows.to_numpy().tobytes()).hexdigest()[:8]


def name_data(config: DictConfig, data: "pd.DataFrame") -> None:
    """Let dataset.path name the DataFrame, so that runs on other data have other options. A file that is given stays, and is refused."""
    from fedrec.data.table.columnar import FRAME

    dataset = config.get("dataset", {})
    if "path" in dataset and (dataset.path is None or str(dataset.path).startswith(FRAME)):
        with read_write(config), open_dict(config):
            dataset.path = name_of(data)


def configuration(overrides: Sequence[str], given: DictConfig | None = None) -> DictConfig:
    """Return what Hydra composes, with its node `hydra`. Options that are `given` take the place of all that fedrec's files say."""
    application: Any = GlobalHydra.instance().hydra
    composed: DictConfig = application.compose_config("config", [*overrides, "hydra.mode=RUN"], RunMode.RUN)
    if given is None:
        return composed
    config = given.copy()
    with read_write(config), open_dict(config):
        config.pop("hydra", None)
        plain: Any = OmegaConf.to_container(config)
        rewrite(config, plain, stowed(plain))  # a password may have been set since the configuration was composed
        choices = choices_of(OmegaConf.to_container(config, resolve=True))  # type: ignore[arg-type]
        config.hydra = composed.hydra
    with read_write(config.hydra), open_dict(config.hydra):
        config.hydra.runtime.choices = {"sweep": None, **choices}
    return config
