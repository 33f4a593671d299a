"""What an entity supplies to be searched for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeAlias

from dynamodbstore_projections.config import Config
from mlflow.entities import ViewType
from mlflow.utils.workspace_utils import DEFAULT_WORKSPACE_NAME

from mlflow_dynamodbstore.core.lifecycle import ExperimentState
from mlflow_dynamodbstore.search.clause import Clause, Column
from mlflow_dynamodbstore.search.order import Order, RowOrder
from mlflow_dynamodbstore.search.plan import E, Plan, Query
from mlflow_dynamodbstore.search.tokens import Tokens, fingerprint


@dataclass(frozen=True, slots=True)
class Request:
    """A search as MLflow's callers give it; each kind of entity takes some of this."""

    filter_string: str | None = None
    max_results: int | None = None
    order_by: Sequence[Any] | None = None
    page_token: str | bytes | None = None
    workspace: str = DEFAULT_WORKSPACE_NAME
    experiment_ids: Sequence[Any] = ()
    view_type: int = ViewType.ACTIVE_ONLY
    datasets: Sequence[Mapping[str, Any]] | None = None


FindExperiments: TypeAlias = Callable[[Sequence[str]], dict[str, ExperimentState]]
"""Those of the experiments with these ids that exist."""


def _nothing_built() -> Config:
    return Config()


def _no_experiments(experiment_ids: Sequence[str]) -> dict[str, ExperimentState]:
    return {}


@dataclass(frozen=True, slots=True)
class Context:
    """What a plan depends on besides the request: which projections are built (a plan uses no
    others), whether the table joins listings with items, which experiments there are, and which of
    some are not another workspace's."""

    config: Callable[[], Config] = field(default=_nothing_built)
    joins: bool = False
    experiments: FindExperiments = field(default=_no_experiments)
    owned: Callable[[Iterable[str]], list[str]] = field(default=list)


class Searchable(ABC, Generic[E]):
    """One kind of entity that can be searched for."""

    name: ClassVar[str]
    """As ``mlflow-dynamodbstore explain`` calls it."""
    noun: ClassVar[str]
    rows: ClassVar[str] = "META items"
    """What rows are, in words."""
    results: ClassVar[int]
    """How many results a page has unless the request gives a number."""
    options: ClassVar[tuple[str, ...]] = ()
    """Which of ``experiment_ids`` and ``view_type`` a request has."""
    columns: ClassVar[Mapping[str, Column]]
    """By name: the attributes that clauses and orders can be on."""
    smallest_chunk: ClassVar[int] = 50
    """The least candidates for which items are read at once."""

    @abstractmethod
    def parse(self, request: Request) -> Query:
        """Read a request; raises MLflow's errors for whatever in it can't be read."""

    @abstractmethod
    def plan(self, request: Request, query: Query, context: Context) -> Plan[E]:
        """How the request, of which ``parse`` made the query, will be answered."""

    def query(
        self,
        request: Request,
        clauses: Sequence[Clause],
        orders: Sequence[Order],
        comes: RowOrder,
        *identity: Any,
        listed: bool,
        limit: int | None,
        envelope: Mapping[str, Any] | None = None,
    ) -> Query:
        """The query of a request that was read.

        ``identity`` is what makes two queries the same; ``listed`` is whether candidates come in
        the order of the answer. Raises ``INVALID_PARAMETER_VALUE`` for a wrong page token.
        """
        tokens = Tokens(fingerprint(*identity), comes.types if listed else (), envelope or {})
        return Query(
            clauses=tuple(clauses),
            comes=comes,
            orders=() if listed else tuple(orders),
            limit=limit,
            tokens=tokens,
            start=tokens.decode(request.page_token),
        )

    def order_by(self, words: Sequence[str]) -> Sequence[Any]:
        """Orders in words such as ``name DESC`` in the form in which a request has them."""
        return words
