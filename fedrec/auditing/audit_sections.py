"""The contents of an audit's page in the order in which they are read."""

from dataclasses import replace

from fedrec.auditing.accounts_section import accounts_section
from fedrec.auditing.audit_result import AuditResult
from fedrec.auditing.audit_wording import count, counted, known
from fedrec.auditing.defenses_sections import price_section, recommendation_section
from fedrec.auditing.degradation_section import degradation_section
from fedrec.auditing.grouped_runs import GroupedRuns
from fedrec.auditing.items_section import items_section
from fedrec.auditing.method_section import glossary_section, method_section
from fedrec.auditing.page_parts import Section

_BOUNDED = ("exposure", "items", "degradation", "price")  # tables with bounds


def title_of(result: AuditResult) -> str:
    """Return the heading of the page."""
    return f"Audit of {count(result.facts.get('dataset'))}, model {count(result.facts.get('model'))}"


def about(result: AuditResult) -> str:
    """Return what was audited, in a line."""
    facts = result.facts
    sizes = [f"{count(facts.get(name))} {name}" for name in ("users", "items", "interactions")]
    tried = [
        counted(len({one.partition(" ")[0] for one in map(str, facts[f"{name}s"])} - {"none"}), name)  # as the command announces them
        for name in ("attack", "defense")
        if isinstance(facts.get(f"{name}s"), list | tuple)
    ]
    tried += [counted(facts["seeds"], "seed")] if known(facts.get("seeds")) else []
    date = [str(facts["date"])] if known(facts.get("date")) else []
    return " · ".join([*sizes, *tried, f"{len(result.runs):,} runs", *date, *(["a first, quick look"] if facts.get("quick") else [])])


def with_real_bounds(result: AuditResult) -> AuditResult:
    """Return the result without bounds that allow everything, which is what one seed gives."""
    changed = {}
    for name in _BOUNDED:
        table = getattr(result, name)
        says_something = (table["lower"] > 0) | (table["upper"] < 1)
        changed[name] = table.assign(lower=table["lower"].where(says_something), upper=table["upper"].where(says_something))
    return replace(result, **changed)


def sections(result: AuditResult, runs: GroupedRuns) -> list[Section]:
    """Return the sections."""
    measured = (accounts_section, items_section, degradation_section, price_section, recommendation_section)
    return [*(section(result, runs) for section in measured), method_section(result), glossary_section()]
