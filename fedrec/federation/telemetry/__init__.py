"""The measurements that a round may report, each with its meaning and unit. A share lies in [0, 1]; a share of nothing is absent."""

from collections.abc import Mapping

TELEMETRY: Mapping[str, str] = {
    "seconds_training": "time of the benign clients' local training, in seconds",
    "seconds_attack": "time of the attack, in seconds; absent if no malicious client was sampled",
    "seconds_aggregation": "time of the server's aggregation, in seconds",
    "poison_rows": "number of gradient rows that malicious clients uploaded",
    "poison_items": "number of different items among these rows",
    "poison_share": "share of malicious rows among all rows for target items (Eq. 11)",
    "poison_norm_z": "standard deviations from the mean norm of an item's benign rows to a malicious row's norm, median",
    "poison_cosine_z": "the same of a row's cosine with the sum of the item's other benign rows, median",
    "target_uploads": "number of uploads for a target item (n_j), mean over targets",
    "dropped_uploads": "number of uploads that were not finite and that the server dropped",
    "fallback_rows": "share of uploaded items with too few uploads for the server's rule",
    "fallback_targets": "the same share of the uploaded target items",
    "unguarded_rows": "share of uploaded items with so few uploads that the rule tolerates no malicious one",
    "unguarded_targets": "the same share of the uploaded target items",
    "filter_precision": "share of malicious uploads among those that a selecting rule left out",
    "filter_recall": "share of the malicious uploads that a selecting rule left out",
    "penalty": "mean penalty that the client-side defense adds to a client's loss",
}
