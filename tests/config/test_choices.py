from fedrec.config.choices import names


def test_names_come_from_the_choices_of_the_user_first() -> None:
    config = {
        "attack": {"_target_": "my_attack.Mine"},
        "defense": {"client": {"ours": {"_target_": "fedrec.defenses.ours.P"}}, "server": {"krum": {"_target_": "fedrec.defenses.krum.K"}}},
        "model": None,
        "choices": {"dataset": "ml100k"},
    }
    assert names(config) == {"attack": "my_attack", "defense": "ours+krum", "model": "none", "dataset": "ml100k"}
    assert names(config | {"choices": {"defense": ["ours", "median"]}})["defense"] == "ours+median"


def test_without_choices_the_file_that_names_the_class_counts() -> None:
    """The data sets of one module have several files."""
    config = {"dataset": {"_target_": "fedrec.data.movielens.MovieLens100K"}}
    assert names(config)["dataset"] == "ml100k"
