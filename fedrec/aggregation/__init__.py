"""What an author of a server-side defense needs besides `fedrec.interfaces`.

- `Rule` combines the uploads for each item, and for each tensor of the scorer, into one result. Most rules derive from it.
  To weigh or select uploads, use `GroupedUploads` (`lengths`, `distances`, `blocks`, `sum`). To work on coordinates, use
  `GroupedUploads.ascending` with `medians`, `means_around_median` or `means_without_ends`. A rule that declares `scope: Scope` lets its
  user combine `WholeUpdates` instead, a vector for each client.
- `number_tolerated` in `rule.py` computes f = floor(p n_j), the number of malicious ones to expect among n_j uploads. A rule that declares
  `malicious_share: Share` gets it from `Rule.tolerated`.
- `pairwise_distances`, `krum_scores`, `select_uploads` and `repeat_krum` are the parts of Krum and of the rules that repeat it.
- `fedrec.interfaces.Aggregator` is for any other way from uploads to a gradient; `grouped`, `assembled` and `inspected` help.
- `fedrec.interfaces.Transform` changes uploads before they are aggregated; `one_row_each` adds up what a client sends for an item.

`aggregate.py` runs a defense in a round, and `finite_rows.py` drops uploads that no rule can work with.
"""

from fedrec.aggregation.grouped_uploads import GroupedUploads, one_row_each
from fedrec.aggregation.krum_score import Score, krum_scores, pairwise_distances
from fedrec.aggregation.repeated_krum import repeat_krum
from fedrec.aggregation.rule import (
    Fallback,
    Rule,
    Scope,
    ScorerShare,
    assembled,
    assembled_for_touched,
    grouped,
    inspected,
    number_tolerated,
)
from fedrec.aggregation.selecting import select_uploads
from fedrec.aggregation.trimming import means_around_median, means_without_ends, medians
from fedrec.aggregation.whole_updates import WholeUpdates

__all__ = [
    "Fallback",
    "GroupedUploads",
    "Rule",
    "Scope",
    "Score",
    "ScorerShare",
    "WholeUpdates",
    "assembled",
    "assembled_for_touched",
    "grouped",
    "inspected",
    "number_tolerated",
]
__all__ += ["krum_scores", "means_around_median", "means_without_ends", "medians", "one_row_each", "pairwise_distances"]
__all__ += ["repeat_krum", "select_uploads"]
