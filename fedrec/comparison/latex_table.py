r"""A comparison as a table of LaTeX. It needs `\usepackage{booktabs}`."""

from fedrec.comparison.layouts import Shown, layouts
from fedrec.comparison.legend import sentences
from fedrec.comparison.side_by_side import SideBySide

_SPECIAL = {
    **{sign: rf"\{sign}" for sign in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "†": r"$^\dagger$",
    "<": r"$<$",
    ">": r"$>$",
    "|": r"$|$",
    "[": "{[}",
    "]": "{]}",  # after \\ and \item, LaTeX would take them for an argument
}


def as_latex(comparison: SideBySide) -> str:
    r"""Return a floating table. What the marks mean is its caption.

    Its body can be used alone: what stands between \begin{tabular} and \end{tabular} is complete.
    """
    layout = next(layouts(comparison))
    columns = "l" * layout.keys + "r" * (len(layout.heads) - layout.keys)
    body = []
    for number, block in enumerate(layout.blocks):
        rule = [r"\midrule"] if number and len(block) > 1 else []
        body += [*rule, *(" & ".join(_cell(one) for one in row) + r" \\" for row in block)]
    caption = " ".join(escaped(line) for line in sentences(comparison, "Bold:", "†"))
    lines = [
        r"% needs \usepackage{booktabs}",
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{caption}}}",
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        " & ".join(map(escaped, layout.heads)) + r" \\",
        r"\midrule",
        *body,
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    r"""Return LaTeX that shows a text as it is.

    >>> print(escaped("50% of [A_b]"))
    50\% of {[}A\_b{]}
    """
    return "".join(_SPECIAL.get(sign, sign) for sign in text)


def _cell(one: str | Shown) -> str:
    if isinstance(one, str):
        return escaped(one)
    text = escaped(f"{one.mean} ± {one.error}" if one.error else one.mean)
    marked = rf"\textbf{{{text}}}" if one.is_best else text
    return marked + (f" ($n={one.n}$)" if one.n else "") + escaped("†") * one.differs
