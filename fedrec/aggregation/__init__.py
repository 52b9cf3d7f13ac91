"""What an author of a server-side defense needs besides `fedrec.interfaces`.

- `Rule` combines the uploads for each item, and for each tensor of the scorer, into one result. Most rules derive from it.
  To weigh or select uploads, use `GroupedUploads` (`lengths`, `distances`, `sum`); for each coordinate alone, `medians` and
  `trimmed_means` of it. A rule that declares `scope: Scope` lets its user combine `WholeUpdates` instead, a vector for each client.
- `number_tolerated` in `rule.py` computes f = floor(p n_j), the number of malicious ones to expect among n_j uploads. A rule that declares
  `malicious_share: Share` gets it from `Rule.tolerated`.
- `select_uploads` selects by Krum's score, at once or one upload after another.
- `ClientSelection` sums what the clients sent that a rule selects by their whole updates; `shortened` clips vectors to a length.
- `fedrec.interfaces.Aggregator` is for any other way from uploads to a gradient; `grouped`, `assembled` and `inspected` help.
- `fedrec.interfaces.Transform` changes uploads before they are aggregated; `one_row_each` adds up what a client sends for an item.

`aggregate.py` runs a defense in a round, and `finite_rows.py` drops uploads that no rule can work with.
"""

from fedrec.aggregation.client_selection import ClientSelection, shortened
from fedrec.aggregation.grouped_uploads import GroupedUploads, one_row_each
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
from fedrec.aggregation.selecting import Score, select_uploads
from fedrec.aggregation.whole_updates import WholeUpdates

__all__ = [
    "ClientSelection",
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
    "one_row_each",
    "select_uploads",
    "shortened",
]
