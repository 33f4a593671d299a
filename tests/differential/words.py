"""Small alphabets, so that keys and values meet each other, with the corners among them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag

INDEX = st.integers(0, 11)
"""Which of the entities that exist: the index modulo their number; 11 is one that doesn't."""

KEYS = ("a", "A", "b", "a/b", "a_b", "a b", "é", "日本", "x.y", "k-1:2", "k" * 250)
BAD_KEYS = ("", "a//b", "../a", "/a", "a#b", "k%", "a\nb", "😀", "k" * 251, None)
ODD_VALUES = ("a\0b", "\0", "\r\n", "\u2028", "e\u0301", "\ufeff", "ß", "ẞ", "İ", "ı")
ANY_KEYS = (
    *KEYS,
    *ODD_VALUES,
    "k#1",
    "k%25",
    "k%",
    "%~",
    "😀",
    "a\nb",
    "",
    "é" * 250,
    "#+",
    "TAG#a",
)
VALUES = ("", "a", "A", "b", "é", "É", "100%", "a_b", "a\nb", "%", "_", "10", "9", "ab", "#", "😀")
LONG_VALUES = ("x" * 6000, "x" * 6001, "y" * 8000, "y" * 8001, "é" * 20000, "z" * 20001)
NUMBERS = (0.0, -0.0, 1.0, -1.0, 1, 2, 1.5, 0.1, 1e308, 5e-324, 2**53)
"""Each is a double: the SQL store refuses the repeat of an integer that is none, such as 2**53 + 1,
as it looks for the integer among its doubles; ours takes a repeat for a repeat."""
ODD_NUMBERS = (float("nan"), float("inf"), float("-inf"), 1.7976931348623157e308)
NO_NUMBERS = (True, "1", None)
STEPS = (-5, -1, 0, 1, 2, 3, 10, 2**40)
TIMES = (0, 1, 2, 1000, 1_700_000_000_000)


def rarely(common: st.SearchStrategy[Any], *rare: Any) -> st.SearchStrategy[Any]:
    """``common``, and about one time in eight one of the rare values."""
    return st.integers(0, 7).flatmap(lambda n: st.sampled_from(rare) if n == 5 else common)


keys = rarely(st.sampled_from(KEYS), *BAD_KEYS)
few_keys = st.sampled_from(KEYS[:4])
values = rarely(st.sampled_from(VALUES), *LONG_VALUES, *ODD_VALUES)
numbers = rarely(st.sampled_from(NUMBERS + ODD_NUMBERS), *NO_NUMBERS)
good_numbers = st.sampled_from(NUMBERS + ODD_NUMBERS)
steps = st.sampled_from(STEPS)
times = st.sampled_from(TIMES)
names = rarely(
    st.sampled_from(("exp", "Exp", "e%", "e_", "日本", "😀", "#x", "exp 1", "e\nf")),
    *("", None, "n" * 500, "n" * 501, "é" * 500, 7),
)
run_names = st.sampled_from((None, "", "run", "Run", "r%", "r_n", "é", "random-name-1"))


def some(of: st.SearchStrategy[Any], most: int) -> st.SearchStrategy[list[Any]]:
    """Up to ``most`` of them."""
    return st.lists(of, max_size=most)


metrics = st.builds(
    Metric,
    st.one_of(few_keys, keys),
    numbers,
    rarely(times, -1, None, "1"),
    rarely(steps, None, "1"),
)
good_metrics = st.builds(Metric, few_keys, good_numbers, times, steps)
params = st.builds(Param, keys, values)
good_params = st.builds(Param, few_keys, st.sampled_from(VALUES))
tags = st.builds(RunTag, few_keys | rarely(keys, "mlflow.runName", "mlflow.user"), values)
good_tags = st.builds(RunTag, few_keys, st.sampled_from(VALUES))
free_tags = st.builds(RunTag, rarely(st.sampled_from(ANY_KEYS), "mlflow.runName"), values)
"""The tags of a new run, which MLflow checks not at all."""

dataset_names = st.sampled_from(("d", "D", "d%", "é", "d_x"))
digests = st.sampled_from(("1", "2", "a", "A"))
contexts = st.sampled_from(("train", "Train", "eval", "t%"))
datasets = st.builds(
    Dataset,
    name=rarely(dataset_names, "", None, "n" * 500, "n" * 501),
    digest=rarely(digests, "", None, "d" * 36, "d" * 37),
    source_type=st.sampled_from(("local", "s3")),
    source=rarely(st.sampled_from(("here", "there", "")), "s" * 65536),
    schema=st.sampled_from((None, "", "{}", "schema", "s" * 500_000)),
    profile=st.sampled_from((None, "", "{}", "profile")),
)
input_tags = st.one_of(
    st.builds(InputTag, st.just("mlflow.data.context"), contexts),
    st.builds(
        InputTag,
        rarely(st.sampled_from(("t", "T", "#")), "", "k" * 255, "k" * 256),
        rarely(st.sampled_from(("v", "w")), "", "v" * 500, "v" * 501),
    ),
)
dataset_inputs = st.builds(
    DatasetInput, datasets, st.lists(input_tags, max_size=2, unique_by=lambda t: t.key)
)
