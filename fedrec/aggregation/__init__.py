"""What an author of a server-side defense needs besides `fedrec.interfaces`.

- `Rule`: combines the uploads for each item, and for each tensor of the scorer, into one result. Take it for most rules.
  A rule that weighs or selects uploads uses `GroupedUploads` (`lengths`, `distances`, `blocks`, `sum`), one that works on coordinates
  `GroupedUploads.ascending` and `medians`, `means_around_median` or `means_without_ends`.
- `Rule.in_scope`, with `Scope` and `Uploads`: the same for a rule whose user may choose to combine `WholeUpdates`, a vector per client.
- `fedrec.interfaces.Aggregator`: any other way from uploads to a gradient; `grouped`, `assembled` and `inspected` do parts of the work.
- `fedrec.interfaces.Transform`: changes uploads before they are aggregated; `one_row_each` adds up what a client sends for an item.
- `number_tolerated`: f = floor(p n_j), the malicious ones to expect among n_j uploads (`fedrec/aggregation/rule.py`).
- `pairwise_distances`, `krum_scores`, `select_uploads`, `repeat_krum`: the parts of Krum and of the rules that repeat it.

`aggregate.py` runs a defense in a round, `finite_rows.py` drops uploads that no rule can work with.
"""

from fedrec.aggregation.grouped_uploads import GroupedUploads, one_row_each
from fedrec.aggregation.krum_score import Score, krum_scores, pairwise_distances
from fedrec.aggregation.repeated_krum import repeat_krum
from fedrec.aggregation.rule import Fallback, Rule, Scope, assembled, grouped, inspected, number_tolerated
from fedrec.aggregation.selecting import select_uploads
from fedrec.aggregation.trimming import means_around_median, means_without_ends, medians
from fedrec.aggregation.whole_updates import WholeUpdates

__all__ = [
    "Fallback",
    "GroupedUploads",
    "Rule",
    "Scope",
    "Score",
    "WholeUpdates",
    "assembled",
    "grouped",
    "inspected",
    "krum_scores",
    "means_around_median",
    "means_without_ends",
    "medians",
    "number_tolerated",
    "one_row_each",
    "pairwise_distances",
    "repeat_krum",
    "select_uploads",
]
