"""What the parts of a page in HTML have in common: texts, and tables that scroll."""

from html import escape

_TEXTS = (  # heads of columns that hold no numbers
    *("Pareto front", "defense, attack", "seed", "kind of item", "item", "attack", "defense", "fact", "what it does", "value", "line"),
    *("settings", "command", "kind", "question", "target", "by attack", "MLflow"),
)


def text_of(text: str) -> str:
    """Return a text as HTML; no line ends between a number and its percent sign."""
    return escape(text).replace(" %", "\N{NO-BREAK SPACE}%")


def kind_of_column(head: str) -> str:
    """Return the class of a column: numbers stand at its right."""
    return "" if head in _TEXTS else "number"


def scrolling(name: str, caption: str, content: str) -> str:
    """Return a table in a box that scrolls by itself where it is too wide, by keyboard, too."""
    return (
        f'<div class="scroll" role="region" aria-labelledby="{name}-caption" tabindex="0">\n<table id="{name}">\n'
        f'<caption><span id="{name}-caption">{text_of(caption)}</span></caption>\n{content}\n</table>\n</div>'
    )


def classed(kind: str) -> str:
    """Return an attribute for a class, if there is one."""
    return f' class="{kind}"' if kind else ""
