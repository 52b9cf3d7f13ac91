"""The Pareto front: what nothing else beats in one respect without losing in the other."""

from collections.abc import Sequence


def pareto_front(points: Sequence[tuple[float, float]], highest_x: bool, highest_y: bool) -> list[int]:
    """Return the positions of the points that no other point dominates, in the order of x. Equal points are all on the front.

    >>> pareto_front([(0.5, 0.1), (0.6, 0.3), (0.4, 0.2)], highest_x=True, highest_y=False)
    [0, 1]
    """
    signs = (1 if highest_x else -1, 1 if highest_y else -1)
    turned = [(signs[0] * x, signs[1] * y) for x, y in points]
    front: list[int] = []
    best = float("-inf")
    for place in sorted(range(len(points)), key=lambda one: turned[one], reverse=True):  # of the best x first
        if turned[place][1] > best or (front and turned[place] == turned[front[-1]]):
            best = turned[place][1]
            front.append(place)
    return sorted(front, key=lambda one: points[one])
