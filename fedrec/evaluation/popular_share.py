"""Which items are popular: the 15 % of all items with the most interactions (the paper, Sec. IV-B)."""

POPULAR_SHARE = 0.15
