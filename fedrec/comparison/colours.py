"""Colours that are distinct for every kind of colour vision, and markers that are distinct without any colour."""

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")  # Okabe and Ito
INKS = ("#B34700", "#0072B2", "#00714F", "#9A4A7B")  # dark enough for letters on white: a contrast of 4.5 and more
MARKERS = ("o", "^", "s", "D", "v", "P")
MAP = "cividis"  # Nunez et al., PLOS ONE 2018: the same for people with and without a colour deficiency


def readable_on(red: float, green: float, blue: float) -> str:
    """Return black or white, whichever has the larger contrast on a colour of sRGB in [0, 1], as WCAG 2 measures it.

    >>> readable_on(1, 1, 1), readable_on(0, 0, 0.5)
    ('black', 'white')
    """
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in (red, green, blue)]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "black" if (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05) else "white"
