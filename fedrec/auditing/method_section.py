"""What was measured and what was not, and what its words mean."""

import re
from collections.abc import Iterator
from typing import Any

from fedrec.auditing.audit_glossary import GLOSSARY, summaries
from fedrec.auditing.audit_result import AuditResult
from fedrec.auditing.audit_wording import NOTHING, duration, known, listed
from fedrec.auditing.page_parts import Cell, Grid, Heading, Part, Section, Terms

_LIMITS = (
    "Simulation: users, server and fake accounts are simulated from the interactions of the data set, as in a federated system whose users "
    "train on their own devices. Logins, rate limits and people who look for fraud play no part.",
    "Each user's hidden item is one that the user chose and that training does not see. Hits are counted on it.",
    "The pushed item is one that hardly anybody knows, unless a table says otherwise. One item is pushed in each run.",
    "Every number is the mean over seeds. Bounds in brackets are those in which one more run with another seed lies with a probability of "
    "90 %. They speak of chance in training, not of other data. With one seed there are none.",
    "All defenses meet the same seeds: what differs between two of them is not that one had better luck.",
    "Only some numbers of accounts are tried (of 1, 2, 3, 5, 8, 12, 20, ...). The estimate lies on a line between two of them.",
    "The server does not know how many accounts are fake: a defense that expects a share of them expects 5 %, unless an option says else.",
    "A training that breaks down counts as the worst case: everybody sees the item, and no hit is left.",
    "Attacks are those in the table below, with their defaults unless a table says otherwise. Attackers who know the defense, who have "
    "more accounts than were tried or who use an attack that nobody has published may do more.",
)
_FACTS = {
    "Command": "command",
    "Data set": "dataset",
    "Users": "users",
    "Items": "items",
    "Interactions": "interactions",
    "Model": "model",
    "Epochs": "epochs",
    "Seeds": "seeds",
    "Date": "date",
    "Version": "version",
    "Machine": "machine",
    "Time measured": "seconds",
    "Budget": "budget",
}


def method_section(result: AuditResult) -> Section:
    """Return the section on method and limits."""
    answer = (
        f"{len(result.runs):,} trainings were simulated from past interactions; no real system was attacked, and an attack that was not "
        "tried may be stronger."
    )
    tables = (_described(group, result.facts.get(f"{group}s")) for group in ("attack", "defense"))
    parts: list[Part] = [Heading("What was left out"), list(result.left_out) or "Nothing that was planned was left out."]
    parts += [Heading("How it was measured, and what that means"), list(_LIMITS), Heading("What was tried")]
    parts += [*(table for table in tables if table.rows), _facts(result)]
    return Section("method", "What was measured, and what was not?", answer, parts)


def glossary_section() -> Section:
    """Return what words mean."""
    return Section(
        "glossary",
        "What do the words mean?",
        "The terms of this page, for readers who do not know the papers.",
        [Terms([*GLOSSARY.items()])],
    )


def _described(group: str, names: Any) -> Grid:
    return Grid(f"{group}s", f"The {group}s that were tried.", [group, "what it does"], [*_descriptions(group, names)])


def _descriptions(group: str, names: Any) -> Iterator[list[Cell]]:
    for name in dict.fromkeys(map(str, names)) if isinstance(names, list | tuple) else ():
        said = summaries(group)
        parts = [_first_sentence(said[word]) for word in re.findall(r"\w+", name) if word in said]
        yield [Cell(name), Cell("; with ".join(parts) or NOTHING)]


def _first_sentence(text: str) -> str:
    """Return the first sentence without the places in papers.

    >>> _first_sentence("PIECK-IPE: item popularity (Sec. IV-C, Algorithm 2). Its defaults are others")
    'PIECK-IPE: item popularity'
    """
    return re.sub(r"\s*\((Sec|Alg|Eq|Table)[^)]*\)", "", text).partition(". ")[0].rstrip(".")


def _facts(result: AuditResult) -> Grid:
    facts = result.facts
    told = {name: listed(facts[name]) for name in _FACTS.values() if known(facts.get(name))}
    told |= {name: duration(facts[name]) for name in ("seconds", "budget") if known(facts.get(name))}
    rows = [
        [Cell(label), Cell(told.get(name, "none"), is_code=name == "command")]
        for label, name in _FACTS.items()
        if name in told or name == "budget"
    ]
    return Grid("facts", "The facts of this audit.", ["fact", "value"], rows)
