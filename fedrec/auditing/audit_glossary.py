"""The words of an audit, for readers who do not know the papers."""

from collections.abc import Mapping
from functools import cache

GLOSSARY: Mapping[str, str] = {
    "Account": "A fake user whom the attacker controls. It takes part in training like any other user, and sends what the attacker wants.",
    "Attack": "What the fake accounts send. An attack that promotes wants one item to be recommended to everybody. "
    "An untargeted attack wants all recommendations to become worse.",
    "Defense": "What server or users do against attacks, for instance to clip or to drop updates that look unlike the others. "
    "Two names in brackets are two defenses that work together.",
    "Degradation": "The share of the hits (HR@10) that an attack destroys, against the same training without the attack. "
    "100 % means that no hit is left.",
    "ER@10 (exposure)": "The share of the users in whose ten recommendations the attacker's item appears. Users who know the item "
    "already do not count. Without an attack it is about 0 % for an item that hardly anybody knows.",
    "HR@10 (hits)": "The share of the users for whom one item that they really chose, and that was hidden from training, is among the "
    "first ten of a list of 100. It says how good recommendations are. One point of HR@10 is one user in a hundred.",
    "Kind of item": "Cold: items with the fewest interactions. Tail: fewer than most. Mid: in between. Head: the most popular ones.",
    "NDCG@10": "As HR@10, but a hit counts more the higher it stands in the list.",
    "near_best": "A run reports the mean of ER@10 over the evaluations around the one with the best hits, because that is where one would "
    "stop to train, and because a single evaluation may be luck. The peak is the largest ER@10 at any time.",
    "Pareto front": "The defenses of which no other is better in both respects: it lets less through, and it costs less.",
    "Seed": "The number from which all chance follows: how a model begins, and in which order users take part. Runs that differ in the "
    "seed only show how much is chance.",
    "Worst case": "The largest effect that any of the attacks tried has on a defense. An attack that was not tried may be worse.",
}


@cache
def summaries(group: str) -> Mapping[str, str]:
    """Return what the choices of a group, `attack` or `defense`, say about themselves in one line."""
    from fedrec.cli.cards import cards
    from fedrec.config.compose import FOLDER, compose

    return {name: card.summary for name, card in cards(group, [FOLDER], compose()).items()}
