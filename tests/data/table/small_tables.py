"""One small set of interactions, and small files of many formats that hold it: each writes a file and says how it names things."""

import csv
import gzip
import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

N_USERS, N_ITEMS = 14, 20
Row = tuple[int, int, float, int]  # user, item, rating in half stars, time in s


def interactions() -> list[Row]:
    """Return rows with long tails, users with one interaction, repeated pairs, equal times, and times that do not ascend."""
    random = np.random.default_rng(3)
    rows: list[Row] = []
    for user in range(N_USERS - 2):
        for _ in range(int(random.integers(3, 14))):
            item = min(int(random.zipf(1.5)) - 1, N_ITEMS - 1)
            rows.append((user, item, float(random.integers(1, 11)) / 2, 1_400_000_000 + 86_400 * int(random.integers(40))))
    rows += [(N_USERS - 2, 3, 4.5, 1_400_000_000), (N_USERS - 1, 0, 0.5, 1_400_000_000)]
    return [rows[number] for number in random.permutation(len(rows))]


ROWS = interactions()


@dataclass(frozen=True)
class Names:
    """How a file names users and items."""

    user: Callable[[int], object] = lambda number: number + 1
    item: Callable[[int], object] = lambda number: 10 * number


@dataclass(frozen=True)
class Format:
    """A way to write the interactions."""

    write: Callable[[Path, Sequence[Sequence[object]]], Path]  # (folder, rows of user, item, rating, time) -> what dataset.path names
    options: Mapping[str, object]
    names: Names = Names()
    time: Callable[[int], object] = lambda time: time
    rating: Callable[[float], object] = lambda rating: rating


def text(
    name: str, separator: str, header: Sequence[str] | None, encoding: str = "utf-8", end: str = "\n", quoting: int = csv.QUOTE_MINIMAL
) -> Callable[[Path, Sequence[Sequence[object]]], Path]:
    """Return what writes separated values."""

    def write(folder: Path, rows: Sequence[Sequence[object]]) -> Path:
        stream = io.StringIO(newline="")
        writer = csv.writer(stream, delimiter="\t" if len(separator) > 1 else separator, lineterminator=end, quoting=quoting)
        writer.writerows([header, *rows] if header else rows)
        (folder / name).write_bytes(stream.getvalue().replace("\t", separator).encode(encoding))
        return folder / name

    return write


def with_empty_lines(folder: Path, rows: Sequence[Sequence[object]]) -> Path:
    path = text("gaps.csv", ",", ("user", "item", "rating", "time"))(folder, rows)
    path.write_text("\n\n" + path.read_text(encoding="utf-8").replace("\n", "\n\n", 9) + "\n\n\n", encoding="utf-8")
    return path


def frame(rows: Sequence[Sequence[object]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["visitor", "item", "stars", "when"])


def parquet(folder: Path, rows: Sequence[Sequence[object]]) -> Path:
    frame(rows).to_parquet(folder / "log.parquet", index=False)
    return folder / "log.parquet"


def categories(folder: Path, rows: Sequence[Sequence[object]]) -> Path:
    table = frame(rows)
    table["when"] = pd.to_datetime(table["when"], unit="s", utc=True)
    table.astype({"visitor": "category", "item": "category"}).to_parquet(folder / "log.pq", index=False)
    return folder / "log.pq"


def json_lines(folder: Path, rows: Sequence[Sequence[object]]) -> Path:
    keys = ("reviewerID", "asin", "overall", "unixReviewTime")
    lines = [json.dumps({"verified": True, **dict(zip(keys, row, strict=True)), "text": 'good,\n"very"'}) for row in rows]
    (folder / "reviews.json.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    return folder / "reviews.json.gz"


def archive(folder: Path, rows: Sequence[Sequence[object]]) -> Path:
    path = text("ratings.csv", ",", ("userId", "movieId", "rating", "timestamp"))(folder, rows)
    with zipfile.ZipFile(folder / "ratings.zip", "w") as packed:
        packed.write(path, "ml/ratings.csv")
    return folder / "ratings.zip"


def zst(folder: Path, rows: Sequence[Sequence[object]]) -> Path:
    path = text("log.tsv", "\t", ("user", "item", "rating", "time"))(folder, rows)
    with pa.CompressedOutputStream(pa.OSFile(str(folder / "log.tsv.zst"), "wb"), "zstd") as stream:
        stream.write(path.read_bytes())
    return folder / "log.tsv.zst"


def parts(folder: Path, rows: Sequence[Sequence[object]]) -> Path:
    """Write parts with their columns in another order, packed or not, beside files that are no parts."""
    (folder / "log").mkdir()
    (folder / "log" / "_SUCCESS").touch()
    (folder / "log" / "README").write_text("how it was made")
    text("part-0.csv", ",", ("user", "item", "rating", "time"))(folder / "log", rows[:20])
    swapped = [(time, rating, item, user) for user, item, rating, time in rows[20:50]]
    path = text("part-1.csv", ";", ("time", "rating", "item", "user"))(folder / "log", swapped)
    (folder / "log" / "part-1.csv.gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    pd.DataFrame(rows[50:], columns=["user", "item", "rating", "time"]).to_parquet(folder / "log" / "part-2.parquet")
    return folder / "log"


def iso(time: int) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def with_comma(rating: float) -> str:
    return str(rating).replace(".", ",")


HEADER = ("user", "item", "rating", "time")
GERMAN = {"user": "Käufer", "item": "Gerät", "rating": "Note", "time": "Zeit"}
GERMAN_TIME = "%d.%m.%Y %H:%M"
FORMATS = {
    "commas and quotes": Format(
        lambda folder, rows: text("a.csv", ",", (*HEADER, "note"), quoting=csv.QUOTE_ALL)(folder, [(*row, "two\nlines") for row in rows]),
        {}, Names(lambda u: f'Anna "{u}", Berlin', lambda i: f"x,{i}"),
    ),
    "semicolons and decimal commas": Format(text("a.csv", ";", ("Customer No.", "SKU", "Rating", "Date")), {}, rating=with_comma, time=iso),
    "tabs without header": Format(text("u.data", "\t", None), {}),
    "double colons": Format(text("ratings.dat", "::", None), {}),
    "RecBole": Format(text("x.inter", "\t", ("user_id:token", "item_id:token", "rating:float", "timestamp:float")), {}, time=float),
    "parquet": Format(parquet, {}),
    "parquet of categories and time stamps": Format(categories, {}, Names(lambda u: f"u{u}", lambda i: f"i {i}")),
    "JSON lines, packed": Format(json_lines, {}, Names(lambda u: f"A{u}", lambda i: f"B0000{i}")),
    "Windows-1252": Format(
        text("a.csv", ";", tuple(GERMAN.values()), "cp1252"), GERMAN, Names(lambda u: f"Jürgen {u}", lambda i: f"Fön {i} €")
    ),
    "byte order mark": Format(text("a.csv", ",", HEADER, "utf-8-sig"), {}, Names(lambda u: f"é{u}")),
    "UTF-16": Format(text("a.csv", "\t", HEADER, "utf-16"), {}, Names(lambda u: f"語{u}")),
    "Windows line ends": Format(text("a.csv", ",", HEADER, end="\r\n"), {}),
    "ids with spaces and Unicode": Format(text("a.csv", "|", HEADER), {}, Names(lambda u: f"Ω user {u} ☃", lambda i: f"the  item {i}")),
    "ids of 19 digits": Format(text("a.csv", ",", HEADER), {}, Names(lambda u: 2**63 - 99 + u, lambda i: 10**18 + i)),
    "ids of 25 digits": Format(text("a.csv", ",", HEADER), {}, Names(lambda u: 10**24 + u, lambda i: f"{i:07d}")),
    "ids with gaps": Format(text("a.csv", " ", None), {}, Names(lambda u: 10**6 * u + 17, lambda i: 7**i)),
    "some ids words, some numbers": Format(text("a.csv", ",", HEADER), {}, Names(lambda u: u if u % 2 else f"guest{u}", lambda i: i)),
    "milliseconds": Format(text("a.csv", ",", HEADER), {}, time=lambda time: 1000 * time + 7),
    "nanoseconds": Format(text("a.csv", ",", HEADER), {}, time=lambda time: 10**9 * time + 1),
    "dates only": Format(text("a.csv", ",", HEADER), {}, time=lambda time: iso(time)[:10]),
    "dates of a format of their own": Format(
        text("a.csv", ",", HEADER), {"time_format": GERMAN_TIME}, time=lambda t: datetime.fromtimestamp(t, UTC).strftime(GERMAN_TIME)
    ),
    "empty lines": Format(with_empty_lines, {}),
    "columns by position": Format(
        lambda folder, rows: text("a.csv", ",", None)(folder, [(f"note {row[0]}", *row[::-1]) for row in rows]),
        {"user": 4, "item": 3, "rating": 2, "time": 1}, Names(lambda u: f"u{u}", lambda i: f"i{i}"),
    ),
    "a zip archive": Format(archive, {}),
    "zst": Format(zst, {}),
    "a folder of parts": Format(parts, {}),
}  # fmt: skip


def written(folder: Path, rows: Sequence[Row], form: Format) -> tuple[Path, list[str]]:
    """Write the rows in a format; return the path and the options that read them."""
    named = [(form.names.user(user), form.names.item(item), form.rating(rating), form.time(time)) for user, item, rating, time in rows]
    path = form.write(folder, named)
    return path, [
        f"dataset.path={path}",
        *(f'dataset.{name}="{value}"' if isinstance(value, str) else f"dataset.{name}={value}" for name, value in form.options.items()),
    ]
