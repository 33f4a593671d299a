"""The store is put together from parts; none may hide a helper of another by its name."""

from __future__ import annotations

import inspect
from collections import defaultdict

from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore


def test_each_helper_is_one_part_s_own() -> None:
    parts = defaultdict(list)
    for part in DynamoTrackingStore.__mro__[1:]:
        if part.__module__.startswith("mlflow_dynamodbstore"):
            for name, member in vars(part).items():
                if inspect.isfunction(member) and name.startswith("_") and name != "__init__":
                    parts[name].append(part.__name__)

    assert {name: owners for name, owners in parts.items() if len(owners) > 1} == {}
