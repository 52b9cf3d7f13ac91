"""Any 5-core category of Amazon's reviews of 2018 (Ni, Li and McAuley, EMNLP 2019). The paper's own split is `fedrec.data.amazon`."""

from dataclasses import dataclass
from typing import Literal, get_args

from torch import Generator

from fedrec.data.published_files import PublishedFile
from fedrec.data.published_table import PLAIN, load_published
from fedrec.data.table.table import Table
from fedrec.interfaces import Split

AMAZON = "https://jmcauley.ucsd.edu/data/amazon_v2/categoryFilesSmall"
Category = Literal[
    "AMAZON_FASHION",
    "All_Beauty",
    "Appliances",
    "Arts_Crafts_and_Sewing",
    "Automotive",
    "Books",
    "CDs_and_Vinyl",
    "Cell_Phones_and_Accessories",
    "Clothing_Shoes_and_Jewelry",
    "Digital_Music",
    "Electronics",
    "Gift_Cards",
    "Grocery_and_Gourmet_Food",
    "Home_and_Kitchen",
    "Industrial_and_Scientific",
    "Kindle_Store",
    "Luxury_Beauty",
    "Magazine_Subscriptions",
    "Movies_and_TV",
    "Musical_Instruments",
    "Office_Products",
    "Patio_Lawn_and_Garden",
    "Pet_Supplies",
    "Prime_Pantry",
    "Software",
    "Sports_and_Outdoors",
    "Tools_and_Home_Improvement",
    "Toys_and_Games",
    "Video_Games",
]
REVIEWS = (  # of each category, as its publishers count them
    3_176,
    5_269,
    2_277,
    494_485,
    1_711_519,
    27_164_983,
    1_443_755,
    1_128_437,
    11_285_464,
    169_781,
    6_739_590,
    2_972,
    1_143_860,
    6_898_955,
    77_071,
    2_222_983,
    34_278,
    2_375,
    3_410_019,
    231_392,
    800_357,
    798_415,
    2_098_325,
    137_788,
    12_805,
    2_839_940,
    2_070_831,
    1_828_971,
    497_577,
)


@dataclass(kw_only=True)
class Amazon:
    """root and cache: see `PublishedFile.obtain`.

    deduplicate: keep only a user's latest review of an item, so that no test item is in training.
    """

    paper = "Ni et al., EMNLP 2019"

    category: Category | None
    root: str | None
    cache: str | None
    validation: bool
    deduplicate: bool

    def load(self, generator: Generator) -> Split:
        """Return the split; draw nothing. Raises ValueError in one line if the file is not the published one."""
        if self.category is None:
            raise ValueError("dataset.category is missing: dataset=amazon needs dataset.category=NAME, Digital_Music for instance")
        name = f"{self.category}_5.json"
        file = PublishedFile(f"{AMAZON}/{name}.gz", (f"{name}.gz", name))
        path = str(file.obtain("amazon", self.root, self.cache))
        how = {**PLAIN, "duplicates": "last" if self.deduplicate else "all", "validation": self.validation}
        table = Table(path=path, user="reviewerID", item="asin", rating="overall", time="unixReviewTime", **how)
        reviews = dict(zip(get_args(Category), REVIEWS, strict=True))[self.category]
        # Only the reviews are counted on a page of the publishers, and it promises no exact number: another one is no mistake, but said.
        return load_published(table, f"amazon_{self.category}", (None, None, reviews), True, generator)
