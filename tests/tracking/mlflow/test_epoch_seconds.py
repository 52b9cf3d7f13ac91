from fedrec.tracking.mlflow.epoch_seconds import EpochSeconds


def test_means_are_those_of_the_rounds_that_have_the_timing() -> None:
    seconds = EpochSeconds()
    assert seconds.take({"seconds_training": 1.0, "seconds_attack": 4.0, "poison_rows": 7.0}) == {"poison_rows": 7.0}
    assert seconds.take({"seconds_training": 2.0, "dropped_uploads": 0.0}) == {"dropped_uploads": 0.0}
    assert seconds.means() == {"seconds_training": 1.5, "seconds_attack": 4.0}
    assert seconds.means() == {}
