"""template.yaml as plain values, with CloudFormation's short tags as ``{"Fn::Name": value}``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
STREAM_FUNCTIONS = ("SearchFunction", "LifecycleFunction")
FUNCTIONS = (*STREAM_FUNCTIONS, "RedriveFunction")


class _Loader(yaml.SafeLoader):
    """YAML with ``!Ref``, ``!Sub`` and the like."""


def _tagged(loader: _Loader, tag: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {tag: value}


_Loader.add_multi_constructor("!", _tagged)


@cache
def template() -> dict[str, Any]:
    """The whole template; not to be changed."""
    found: dict[str, Any] = yaml.load((ROOT / "template.yaml").read_text(), _Loader)
    return found


def properties(resource: str) -> dict[str, Any]:
    """The properties of a resource."""
    found: dict[str, Any] = template()["Resources"][resource]["Properties"]
    return found


def stream_source(function: str) -> dict[str, Any]:
    """How a stream function is invoked from the stream."""
    found: dict[str, Any] = properties(function)["Events"]["Stream"]["Properties"]
    return found


def statements() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every statement of every role's policies, with the role's name."""
    for name, resource in template()["Resources"].items():
        if resource["Type"] == "AWS::IAM::Role":
            for policy in resource["Properties"]["Policies"]:
                for statement in policy["PolicyDocument"]["Statement"]:
                    yield name, statement


def invokes(function: str, record: Mapping[str, Any]) -> bool:
    """Whether a stream record passes the function's filters."""
    filters = stream_source(function)["FilterCriteria"]["Filters"]
    return passes((json.loads(found["Pattern"]) for found in filters), record)


def passes(patterns: Iterable[Mapping[str, Any]], record: Mapping[str, Any]) -> bool:
    """Whether a stream record matches one of these patterns."""
    return any(_matches(pattern, record) for pattern in patterns)


def _matches(pattern: Mapping[str, Any], value: Any) -> bool:
    if not isinstance(value, Mapping):
        return False
    return all(
        _matches(rule, value.get(name))
        if isinstance(rule, dict)
        else any(_allows(choice, value.get(name)) for choice in rule)
        for name, rule in pattern.items()
    )


def _allows(choice: Any, value: Any) -> bool:
    if isinstance(choice, dict):
        assert set(choice) == {"prefix"}, f"these tests don't know {choice}"
        return isinstance(value, str) and value.startswith(choice["prefix"])
    return bool(choice == value)
