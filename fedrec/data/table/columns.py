"""Which columns of a table hold users, items, ratings and times: as the options say, else by their usual names or places."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Column = str | int | bool | None  # as an option names one: a name, a position from 0, false = there is none, None = find it

ROLES = ("user", "item", "rating", "time")
USUAL = {  # names without case and punctuation; the first one in a list wins
    "user": "user userid useridx useridhash uid reviewerid reviewer customer customerid customerno client clientid visitor visitorid "
    "member memberid account accountid buyer buyerid person personid profile profileid username",
    "item": "item itemid iid movie movieid product productid productcode asin parentasin sku article articleid artist artistid track "
    "trackid song songid book bookid isbn game gameid appid business businessid venue venueid poi poiid location locationid news newsid "
    "stockcode content contentid itemname title",
    "rating": "rating ratings overall score stars ratingscore ratingvalue reviewscore grade vote preference",
    "time": "timestamp unixreviewtime datetime date time when createdat eventtime eventtimestamp purchasedat orderdate invoicedate tdat "
    "reviewtime ts day",
}
MOST_RATING = 1e6  # a larger number is no rating but a time: 20140701, or seconds


@dataclass(frozen=True, slots=True)
class Columns:
    """The number of the column of each role, from 0; None where the table has none."""

    user: int
    item: int
    rating: int | None
    time: int | None

    @property
    def used(self) -> dict[str, int]:
        """The columns that the table has, by role."""
        found = {role: getattr(self, role) for role in ROLES}
        return {role: number for role, number in found.items() if number is not None}


def plain_name(name: str) -> str:
    """Return a column's name without type, case and punctuation.

    >>> [plain_name(name) for name in ("user_id:token", "Customer No.", "unixReviewTime")]
    ['userid', 'customerno', 'unixreviewtime']
    """
    return re.sub(r"[^0-9a-z]", "", name.rpartition(":")[0].lower() or name.lower())


def usual_role(name: str) -> str | None:
    """Return the role of a column with a usual name."""
    return next((role for role, names in USUAL.items() if plain_name(name) in names.split()), None)


def choose_columns(path: str, names: Sequence[str] | None, first: Sequence[str], wanted: Mapping[str, Column]) -> Columns:
    """Return the columns of a table whose header is `names` (None: it has none) and whose first row is `first`.

    `wanted` is the option of each role. Raises ValueError in one line if an option names no column, two roles have the same column,
    or no column for users or items can be found.
    """
    n_columns = len(first if names is None else names)
    found: dict[str, int | None] = {}
    for role in ROLES:
        found[role] = _asked(path, role, wanted[role], names, n_columns)
    guessed = _by_place(first, wanted) if names is None else _by_name(path, names, [role for role in ROLES if wanted[role] is None])
    for role in ROLES:
        if wanted[role] is None and guessed.get(role) not in found.values():
            found[role] = guessed.get(role)
    for role in ("user", "item"):
        if found[role] is None:
            columns = f"has the columns {', '.join(names)}" if names else f"has {n_columns} columns without names (the first is 0)"
            raise ValueError(f"dataset.{role}: which column holds the {role}s? {path} {columns}; set dataset.{role}=COLUMN")
    used = [number for number in found.values() if number is not None]
    if len(set(used)) < len(used):
        twice = [f"dataset.{role}" for role, number in found.items() if number is not None and used.count(number) > 1]
        raise ValueError(f"{' and '.join(twice)} name the same column of {path}")
    return Columns(**found)  # type: ignore[arg-type]


def _asked(path: str, role: str, column: Column, names: Sequence[str] | None, n_columns: int) -> int | None:
    """Return the number of the column that an option names."""
    if column is None or column is False:
        return None
    if isinstance(column, str) and names is not None and names.count(column) == 1:
        return names.index(column)
    if isinstance(column, str) and names is not None and [name.partition(":")[0] for name in names].count(column) == 1:
        return [name.partition(":")[0] for name in names].index(column)
    if isinstance(column, int) and not isinstance(column, bool) and 0 <= column < n_columns:
        return column
    known = f"its columns are {', '.join(names)}" if names else f"it has {n_columns} columns without names, so give a position from 0"
    twice = isinstance(column, str) and names is not None and names.count(column) > 1
    raise ValueError(f"dataset.{role}={column}: {path} has {'several columns' if twice else 'no column'} of this name; {known}")


def _by_name(path: str, names: Sequence[str], roles: Sequence[str]) -> dict[str, int]:
    """Return the column with the most usual name of each of the roles. Raises ValueError if several columns have it."""
    plain = [plain_name(name) for name in names]
    found = {}
    for role in roles:
        if known := [name for name in USUAL[role].split() if name in plain]:
            if plain.count(known[0]) > 1:
                raise ValueError(f"dataset.{role}: {path} has several columns called {known[0]}; set dataset.{role} to a position from 0")
            found[role] = plain.index(known[0])
    return found


def _by_place(first: Sequence[str], wanted: Mapping[str, Column]) -> dict[str, int]:
    """Return the columns of a table without header: user, item, and then a rating, a time, or a rating and a time, as in u.data."""
    if any(isinstance(wanted[role], int) for role in ("user", "item")):
        return {}
    found = {"user": 0, "item": 1}
    values = first[2:4]
    if len(values) == 2:  # a rating and a time, or a date and something else
        return found | ({"rating": 2, "time": 3} if is_number(values[0]) else {"time": 2})
    for value in values:
        is_rating = is_number(value) and abs(float(value.replace(",", "."))) < MOST_RATING
        found["rating" if is_rating else "time"] = 2
    return found


def is_number(value: str) -> bool:
    """Return whether a text is a number, with a decimal point or a decimal comma.

    >>> [is_number(value) for value in ("3", "-1.5", "3,5", "1e3", "", "nan", "2014-01-02")]
    [True, True, True, True, False, False, False]
    """
    return re.fullmatch(r"\s*[-+]?(\d+([.,]\d*)?|[.,]\d+)([eE][-+]?\d+)?\s*", value) is not None


def same_columns(path: str, names: Sequence[str] | None, first_names: Sequence[str] | None, first: Columns) -> Columns:
    """Return the columns of a later part: those of the same names as in the first part, or at the same places if there are no names.

    Raises ValueError in one line if only one of both has a header, or a name is missing.
    """
    if names is None or first_names is None:
        if names is not first_names:
            raise ValueError(
                f"{path} has {'no' if names is None else 'a'} header, but the first part has {'one' if names is None else 'none'}"
            )
        return first
    wanted = {role: first_names[number] for role, number in first.used.items()}
    if missing := [name for name in wanted.values() if names.count(name) != 1]:
        raise ValueError(f"{path} has not one column {missing[0]} as the first part has; its columns are {', '.join(names)}")
    return Columns(**{role: names.index(wanted[role]) if role in wanted else None for role in ROLES})  # type: ignore[arg-type]
