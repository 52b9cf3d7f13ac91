"""Paragraphs in Markdown."""

import textwrap

_WIDTH = 118


def filled(text: str) -> str:
    """Return a paragraph in lines of equal length."""
    return textwrap.fill(text, _WIDTH, break_long_words=False, break_on_hyphens=False)
