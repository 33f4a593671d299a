"""Clauses of the registry's filters as typed values. MLflow's parsers read the text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from mlflow.exceptions import MlflowException
from mlflow.prompt.constants import IS_PROMPT_TAG_KEY

from mlflow_dynamodbstore.search.comparisons import Predicate, predicate

TAG_COMPARATORS: Final = ("=", "!=", "LIKE", "ILIKE")
TEXT_COMPARATORS: Final = (*TAG_COMPARATORS, "IN", "NOT IN")

Parsed: TypeAlias = Mapping[str, Any]
"""A clause as MLflow's parser gives it: ``type``, ``key``, ``comparator``, ``value``."""


@dataclass(frozen=True, slots=True)
class AttributeClause:
    """A clause on an attribute; NULL passes none."""

    name: str
    comparator: str
    value: Any
    test: Predicate = field(compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.name} {self.comparator} {self.value!r}"


@dataclass(frozen=True, slots=True)
class TagClause:
    """A clause on a tag; one that is missing passes none."""

    key: str
    comparator: str
    value: str
    test: Predicate = field(compare=False, repr=False)

    def __str__(self) -> str:
        return f"tags.{self.key} {self.comparator} {self.value!r}"


@dataclass(frozen=True, slots=True)
class RegistryFilter:
    """What is searched for: everything that passes all clauses.

    With ``hides_prompts`` only what is no prompt; the tag that tells then has no clause.
    """

    attributes: tuple[AttributeClause, ...]
    tags: tuple[TagClause, ...]
    hides_prompts: bool

    @property
    def tag_keys(self) -> tuple[str, ...]:
        """The keys of the tags that clauses are on."""
        return tuple(dict.fromkeys(clause.key for clause in self.tags))

    def tags_pass(self, tags: Mapping[str, str | None]) -> bool:
        """Whether these tags pass all clauses on tags."""
        return all(clause.test(tags.get(clause.key)) for clause in self.tags)


def parsed_filter(parser: Any, filter_string: str | None) -> Sequence[Parsed]:
    """The clauses of a filter as one of MLflow's ``Search…Utils`` reads them.

    Raises ``INVALID_PARAMETER_VALUE`` for what is not a filter.
    """
    try:
        return parser.parse_search_filter(filter_string)
    except ValueError as error:
        # The parsers let IS NULL and lists of bare words through to where these can't be read.
        raise MlflowException.invalid_parameter_value(
            f"Invalid filter {filter_string!r}. A clause is a name, a comparator "
            f"({', '.join(TEXT_COMPARATORS)}) and a quoted value, or for IN and NOT IN a list of "
            "quoted values; tags and attributes of the registry can't be tested for NULL."
        ) from error


def registry_filter(
    parsed: Iterable[Parsed], attribute_clause: Callable[[Parsed], AttributeClause]
) -> RegistryFilter:
    """The clauses as a filter; raises ``INVALID_PARAMETER_VALUE`` for a comparator that is wrong,
    ``BAD_REQUEST`` for one that does not go with its value."""
    parsed = tuple(parsed)
    attributes: list[AttributeClause] = []
    tags: list[TagClause] = []
    for clause in parsed:
        if clause["type"] == "attribute":
            attributes.append(attribute_clause(clause))
        else:
            tags.append(_tag_clause(clause))
    hides_prompts = not _asks_for_prompts(parsed)
    if hides_prompts:
        tags = [clause for clause in tags if clause.key != IS_PROMPT_TAG_KEY]
    return RegistryFilter(tuple(attributes), tuple(tags), hides_prompts)


def _tag_clause(parsed: Parsed) -> TagClause:
    comparator, value = parsed["comparator"], parsed["value"]
    check_comparator("tag", comparator, TAG_COMPARATORS)
    return TagClause(parsed["key"], comparator, value, predicate(comparator, value))


def check_comparator(what: str, comparator: str, valid: Sequence[str]) -> None:
    """Raise ``INVALID_PARAMETER_VALUE`` unless the comparator is one of the valid ones."""
    if comparator not in valid:
        raise MlflowException.invalid_parameter_value(
            f"Invalid comparator for {what}: {comparator}. Valid ones are {', '.join(valid)}."
        )


def _asks_for_prompts(parsed: Iterable[Parsed]) -> bool:
    """Whether prompts are searched for: the first clause on their tag decides, in any case."""
    for clause in parsed:
        if clause["type"] == "tag" and clause["key"] == IS_PROMPT_TAG_KEY:
            told = clause["comparator"], clause["value"].lower()
            return told in (("=", "true"), ("!=", "false"))
    return False
