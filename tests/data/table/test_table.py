"""The wheel's table of MovieLens-100K is MovieLens-100K."""

import torch

import fedrec
from fedrec.config.build import build
from fedrec.data.movielens import MovieLens100K

HEADER = b"user_id:token\titem_id:token\trating:float\ttimestamp:float\n"


def test_the_published_table_of_recbole_is_ml100k(tmp_path):
    """So every number that follows from it is the same, too."""
    raw, _ = MovieLens100K.source.ways[1].fetch()
    (tmp_path / "ml-100k.inter").write_bytes(HEADER + raw)
    (tmp_path / "u.data").write_bytes(raw)
    options = f"dataset.path={tmp_path / 'ml-100k.inter'}", "dataset.numbered_last=1"
    table = build(fedrec.compose("dataset=table", *options).dataset).load(torch.Generator())
    theirs = build(fedrec.compose(f"dataset.root={tmp_path / 'u.data'}").dataset).load(torch.Generator())
    assert table.checksum() == theirs.checksum()
    assert table.user_ids[:2].tolist() == [186, 22] and table.item_ids[:2].tolist() == [302, 377]
