"""The runs of an audit by what they measured, and the anchors by which a number leads to the runs behind it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fedrec.auditing.audit_wording import Row, accounts_of, as_settings, known, named_attack, named_defense, rows_of

if TYPE_CHECKING:
    import pandas as pd

Key = tuple[str, str, str, int]  # attack, defense, its settings, accounts


class GroupedRuns:
    """Runs that differ in their seed or their target are a group, which has an anchor."""

    def __init__(self, runs: "pd.DataFrame") -> None:
        groups: dict[Key, list[Row]] = {}
        for row in rows_of(runs):
            groups.setdefault(_key(row["attack"], row["defense"], row["settings"], row["accounts"]), []).append(row)
        self.groups: Mapping[Key, list[Row]] = {key: sorted(groups[key], key=lambda row: row["seed"]) for key in sorted(groups)}
        self.anchors = {key: f"runs-{place}" for place, key in enumerate(self.groups, 1)}

    def behind(self, row: Row, **accounts: Any) -> str | None:
        """Return the anchor of the runs behind a row of any table; None if there are none.

        `accounts` may give another number than the row. Without a number it is the group with most of them.
        A row without a column `settings` is of the defaults, or of whatever settings there are.
        """
        number = accounts.get("accounts", row.get("accounts"))
        *names, settings, wanted = _key(row["attack"], row["defense"], row.get("settings"), number)
        found = [key for key in self.groups if [*key[:2]] == names and (not known(number) or key[3] == wanted)]
        found = [key for key in found if key[2] == settings] or ([] if "settings" in row else found)
        return self.anchors[found[-1]] if found else None


def group_title(key: Key) -> str:
    """Return what the runs of a group have in common."""
    attack, defense, settings, accounts = key
    who = f"{named_attack(attack)} with {accounts_of(accounts)}" if accounts else named_attack(attack)
    return f"{who}, {named_defense(defense, settings)}"


def _key(attack: Any, defense: Any, settings: Any, accounts: Any) -> Key:
    attack, defense = (str(name) if known(name) else "none" for name in (attack, defense))
    return attack, defense, as_settings(settings), int(accounts) if known(accounts) else 0
