"""MovieLens-10M, -20M and -25M come row by row out of their archives, with the ids of GroupLens and titles."""

import hashlib
import zipfile
from dataclasses import replace

import pytest

from fedrec.data.large_movielens import MovieLens10M, MovieLens20M, MovieLens25M
from tests.data.content import rows, zipped

RATINGS = [(7, 110, 3.5, 50), (7, 3, 0.5, 40), (9, 110, 5, 60), (9, 20, 4, 60), (9, 3, 1, 10)]
CSV = "userId,movieId,rating,timestamp\n" + "".join(f"{user},{movie},{rating},{time}\n" for user, movie, rating, time in RATINGS)
DAT = "".join(f"{user}::{movie}::{rating}::{time}\n" for user, movie, rating, time in RATINGS)
MOVIES_CSV = 'movieId,title,genres\n3,"Postino, Il (1994)",Drama\n110,Braveheart (1995),War\n'
MOVIES_DAT = "3::Postino, Il (1994)::Drama\n110::Braveheart (1995)::War\n"


def archive(kind):
    dat = kind is MovieLens10M
    folder = "ml-10M100K" if dat else kind.name
    return zipped(
        {
            f"{folder}/README.html": b"1,2,3,4\n",
            f"{folder}/{kind.titles}": (MOVIES_DAT if dat else MOVIES_CSV).encode(),
            f"{folder}/{kind.ratings}": (DAT if dat else CSV).encode(),
        },
        zipfile.ZIP_DEFLATED,
    )


@pytest.fixture
def served(web_server, monkeypatch):
    def serve(kind, published=(2, 3, 5)):
        content = archive(kind)
        web_server.files = {kind.file.name: content}
        md5 = hashlib.md5(content).hexdigest()
        monkeypatch.setattr(kind, "file", replace(kind.file, url=f"{web_server.url}/{kind.file.name}", checksum=f"md5:{md5}"))
        monkeypatch.setattr(kind, "published", published)

    return serve


@pytest.mark.parametrize("kind", [MovieLens10M, MovieLens20M, MovieLens25M])
def test_from_the_address_to_a_split_with_ids_and_titles(kind, served, tmp_path, generator):
    served(kind)
    split = kind(root=None, cache=str(tmp_path), validation=False).load(generator)
    assert split.name == kind.name
    assert split.user_ids.tolist() == [7, 9] and split.item_ids.tolist() == [110, 3, 20]
    assert split.item_titles.tolist() == ["Braveheart (1995)", "Postino, Il (1994)", None]
    assert rows(split.train) == [[1], [1, 0]] and rows(split.test) == [[0], [2]]  # of equal times, the last of the file


def test_validation_holds_out_the_second_latest(served, tmp_path, generator):
    served(MovieLens20M)
    split = MovieLens20M(root=None, cache=str(tmp_path), validation=True).load(generator)
    assert rows(split.train) == [[1], [1]] and rows(split.validation) == [[], [0]]


def test_a_fetched_archive_with_other_numbers_ends_in_one_line(served, tmp_path, generator):
    served(MovieLens25M, published=(2, 3, 6))
    with pytest.raises(ValueError, match=r"dataset=ml25m: .*2 users, 3 items, 5 interactions; published are 2 users, 3 items, 6"):
        MovieLens25M(root=None, cache=str(tmp_path), validation=False).load(generator)


@pytest.mark.parametrize("place", ["ml-20m.zip", "ratings.csv", "ml-20m/ratings.csv"])
def test_ones_own_archive_or_file(place, tmp_path, generator, caplog):
    path = tmp_path / place
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(archive(MovieLens20M) if path.suffix == ".zip" else CSV.encode())
    for root in (path, tmp_path):
        split = MovieLens20M(root=str(root), cache=None, validation=False).load(generator)
        assert rows(split.test) == [[0], [2]]
        assert (split.item_titles is None) == (path.suffix != ".zip")
    assert "published are 138,493 users, 26,744 items, 20,000,263 interactions" in caplog.text
    (path.parent / "movies.csv").write_text(MOVIES_CSV)
    if path.suffix == ".csv":
        split = MovieLens20M(root=str(path), cache=None, validation=False).load(generator)
        assert split.item_titles.tolist() == ["Braveheart (1995)", "Postino, Il (1994)", None]


def test_an_archive_of_something_else(tmp_path, generator):
    (tmp_path / "ml-25m.zip").write_bytes(zipped({"a.txt": b"1"}))
    with pytest.raises(ValueError, match=r"expected ratings\.csv in this archive"):
        MovieLens25M(root=str(tmp_path), cache=None, validation=False).load(generator)
