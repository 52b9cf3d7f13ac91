"""States that are written and read: the same values, types and layouts, in memory of their own."""

import json
import math
from collections import OrderedDict
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fedrec.checkpoints.nested_state import Unsaveable, decode, encode

CPU = torch.device("cpu")
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
KEYS = st.text() | st.integers()
STATES = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(KEYS, inner))


def read_back(state: Any, device: torch.device = CPU) -> Any:
    tree, tensors = encode(state)
    return decode(json.loads(json.dumps(tree, allow_nan=False)), tensors, device)


@given(STATES)
def test_every_nested_value_comes_back_as_it_was(state: Any) -> None:
    assert repr(read_back(state)) == repr(state)


@pytest.mark.parametrize("state", [{"dict": 1}, {"tensor": "0"}, {"list": [1]}, {"1": 0, 1: 1}, ({"float": "nan"},), {0: {}}, -0.0, True])
def test_nothing_is_taken_for_something_else(state: Any) -> None:
    assert repr(read_back(state)) == repr(state)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int8, torch.int32, torch.int64, torch.bool, torch.uint8])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0), (3, 4)])
def test_tensors_come_back_with_their_type_and_shape(dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    tensor = (10 * torch.rand(shape)).to(dtype)
    (found,) = read_back((tensor,))
    assert found.dtype == dtype and found.shape == shape and found.equal(tensor)


def test_tensors_come_back_with_their_strides_in_memory_that_is_aligned() -> None:
    whole = torch.arange(25.0)
    state = {"transposed": whole[:24].view(4, 6).t(), "behind": whole[1:]}
    found = read_back(state)
    assert found["transposed"].equal(state["transposed"]) and found["transposed"].stride() == (1, 6)
    assert found["behind"].equal(state["behind"])
    assert all(value.data_ptr() % 64 == 0 for value in found.values())


def test_a_tensor_that_is_held_twice_is_kept_once() -> None:
    shared = torch.ones(3)
    assert len(encode([shared, {"again": shared}])[1]) == 1


def test_tensors_of_a_device_come_to_the_device_and_those_of_the_cpu_stay() -> None:
    state = {"there": torch.ones(2, device="meta"), "here": torch.ones(2)}
    tree, _ = encode(state)
    found = decode(tree, {"0": torch.ones(2), "1": torch.ones(2)}, torch.device("meta"))
    assert {name: value.device.type for name, value in found.items()} == {"there": "meta", "here": "cpu"}


def test_numbers_of_numpy_and_infinite_ones_are_numbers() -> None:
    value = read_back([torch.tensor(0.1, dtype=torch.float64).numpy()[()], math.inf, -math.inf])
    assert value == [0.1, math.inf, -math.inf] and type(value[0]) is float


def test_a_mapping_of_another_kind_is_a_dict() -> None:
    assert read_back(OrderedDict(a=1)) == {"a": 1}


@pytest.mark.parametrize("value", [{1, 2}, object(), b"bytes", 1j, {(1,): 2}, {None: 1}, {True: 1}])
def test_other_things_are_refused_with_their_place(value: Any) -> None:
    with pytest.raises(Unsaveable, match=rf"the state\['attack'\]\[1\] is a {type(value).__name__}, which no checkpoint can hold"):
        encode({"attack": [0, value]})


def test_a_tree_of_another_origin_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\['__reduce__'\] is no kind of value"):
        decode({"__reduce__": "os.system"}, {}, CPU)
