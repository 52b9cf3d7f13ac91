"""The front against a comparison of every point with every other one."""

from hypothesis import given
from hypothesis import strategies as st

from fedrec.comparison.pareto_front import pareto_front

POINTS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=12)


@given(POINTS, st.booleans(), st.booleans())
def test_the_front(points: list[tuple[int, int]], highest_x: bool, highest_y: bool) -> None:
    def is_no_worse(one: tuple[int, int], other: tuple[int, int]) -> bool:
        x = one[0] >= other[0] if highest_x else one[0] <= other[0]
        return x and (one[1] >= other[1] if highest_y else one[1] <= other[1])

    expected = {place for place, one in enumerate(points) if not any(other != one and is_no_worse(other, one) for other in points)}
    found = pareto_front([(float(x), float(y)) for x, y in points], highest_x, highest_y)
    assert set(found) == expected and len(found) == len(expected)
    assert [points[place][0] for place in found] == sorted(points[place][0] for place in found)
