"""Popular item mining (Algorithm 1), for malicious clients and for the client-side defense."""

from fedrec.mining.mined_pairs import MinedPairs
from fedrec.mining.popular_items import PopularItemMiner, arbitrary_items

__all__ = ["MinedPairs", "PopularItemMiner", "arbitrary_items"]
