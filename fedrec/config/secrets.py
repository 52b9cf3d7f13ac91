"""Passwords and tokens: out of everything that is written or shown, and in the environment for those who connect.

A configuration keeps the address `postgresql://me:PASSWORD@host/runs` as `postgresql://me:${oc.env:FEDREC_SECRET_1}@host/runs`. So do
Hydra's files, and what a launcher writes to disk for its workers. The workers get the variable with the environment of the command.
"""

import logging
import os
import re
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any, TypeVar

from omegaconf import OmegaConf

from fedrec.config.validation import ConfigError

VARIABLE = "FEDREC_SECRET_"  # beginning of the names of the variables
MASK = "***"
Value = TypeVar("Value")

_TOKEN = r"(?:(?:\w+_)?(?:access|api|auth|tracking)_)?token"
_NAME = rf"(?:\w*(?:password|passwd|passphrase)|pwd|(?:\w+_)?secret\w*|{_TOKEN}|(?:\w+_)?api_?key)"
_REFERENCE = r"\$\{[^}]*\}"


def _named(before: str, separator: str, characters: str) -> re.Pattern[str]:
    """Return the pattern of a secret that follows its name, in quotes or not; `before` and `characters` stand for what cannot be there."""
    one = rf"(?:{_REFERENCE}|[^{characters}])"
    secret = rf"(?(quote)(?:(?!(?P=quote)).)+|{one}+?(?=:?(?!{one})))"  # without the colon of a message that goes on
    return re.compile(rf"(?i)((?<![{before}]){_NAME}{separator}(?P<quote>[\"'])?)(?P<secret>{secret})")


_PATTERNS = (  # of a text that stays, and of the secret after it
    # from the first colon up to the last @, because somebody may forget to write one as %40; Hydra may show a double slash as one
    re.compile(rf"(:/{{1,2}}(?:{_REFERENCE}|(?!\$\{{)[^\s:/])*:)(?P<secret>(?:(?!://).)+)(?=@)"),
    re.compile(rf"(https?://)(?P<secret>(?:{_REFERENCE}|[^\s:/@])+)(?=@)"),  # a token in place of user and password
    _named(r"\w", "=", r"\s&;'\""),
    _named(r"\w.", r"[\"']?:\s*", r"\s&;,'\"}\]"),  # a message may begin with the name of an option and a colon
)


def masked(value: Value) -> Value:
    """Return a text, or a mapping or list with its texts, with `***` for every secret.

    >>> masked("postgresql://me:hidden@host/runs and http://host?token=hidden&x=1")
    'postgresql://me:***@host/runs and http://host?token=***&x=1'
    """
    changed: Value = _changed(value, lambda secret: MASK)
    return changed


def stowed(value: Value) -> Value:
    """Return the same with a reference to an environment variable for every secret, and set these variables."""
    changed: Value = _changed(value, _stow)
    return changed


def revealed(text: str) -> str:
    """Return a text with the values that it refers to. Raises OmegaConf's error if a variable is not set."""
    return str(OmegaConf.create([text])[0])


def without_references(text: str) -> str:
    """Return a text with `***` for every environment variable that it refers to."""
    return re.sub(r"\$\{oc\.env:[^}]*\}", MASK, text)


def refuse_ambiguous(option: str, address: str) -> None:
    """Raise ConfigError if what precedes the host in the address that an option gives holds whitespace or @."""
    match = _PATTERNS[0].search(address)
    if match and re.search(r"[\s@]", match["secret"]):
        raise ConfigError(f"{option}={masked(address)}: percent-encode special characters of user and password, %40 for an at sign")


def rewrite(config: Any, before: Any, after: Any) -> None:
    """Set the texts of a configuration that differ between two plain copies of it to those of `after`."""
    for key in before if isinstance(before, dict) else range(len(before)):
        if isinstance(before[key], dict | list):
            rewrite(config[key], before[key], after[key])
        elif before[key] != after[key]:
            config[key] = after[key]


class MaskedFormatter(logging.Formatter):
    """Writes records as logging does, tracebacks included, but without secrets."""

    def format(self, record: logging.LogRecord) -> str:
        return masked(super().format(record))


def _changed(value: Any, new: Callable[[str], str]) -> Any:
    if isinstance(value, Mapping):
        return {key: _changed_of(str(key), one, new) for key, one in value.items()}
    if isinstance(value, list):
        return [_changed(one, new) for one in value]
    if isinstance(value, str):
        for pattern in _PATTERNS:
            value = pattern.sub(lambda match: match[1] + new(match["secret"]), value)
    return value


def _changed_of(name: str, value: Any, new: Callable[[str], str]) -> Any:
    is_secret = isinstance(value, str) and value and re.fullmatch(f"(?i){_NAME}", name)
    return new(value) if is_secret else _changed(value, new)


def _stow(secret: str) -> str:
    """Return a reference to the variable that holds a secret. What refers to a variable already stays as it is."""
    if "${" in secret:
        return secret
    names = (f"{VARIABLE}{number}" for number in count(1))
    return f"${{oc.env:{next(name for name in names if os.environ.setdefault(name, secret) == secret)}}}"
