"""What this version does not keep: said clearly, where MLflow's base class would say nothing.

Traces can't be stored yet, nor what evaluates them, so a search truthfully finds none: MLflow's UI
searches on the first page of every experiment, and shows errors where it is refused. Everything
else that needs them is refused with ``NOT_IMPLEMENTED``, which clients do not retry.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from mlflow.entities import TraceInfo
from mlflow.entities.trace_metrics import MetricAggregation, MetricDataPoint, MetricViewType
from mlflow.exceptions import MlflowNotImplementedException
from mlflow.store.entities.paged_list import PagedList

from mlflow_dynamodbstore.stores.tracking_base import TrackingBase

REFUSED = (
    *("start_trace", "get_trace_info", "get_trace", "batch_get_traces", "batch_get_trace_infos"),
    *("set_trace_tag", "delete_trace_tag", "_delete_traces", "link_traces_to_run"),
    *("unlink_traces_from_run", "link_prompts_to_trace"),
    *("calculate_trace_filter_correlation", "find_completed_sessions", "get_online_trace_details"),
    *("deprecated_start_trace_v2", "deprecated_end_trace_v2", "archive_traces"),
    *("create_assessment", "get_assessment", "update_assessment", "delete_assessment"),
    *("create_issue", "get_issue", "update_issue"),
    *("create_dataset", "get_dataset", "delete_dataset", "set_dataset_tags"),
    *("delete_dataset_tag", "upsert_dataset_records", "delete_dataset_records"),
    *("get_dataset_experiment_ids", "_load_dataset_records", "add_dataset_to_experiments"),
    *("remove_dataset_from_experiments", "register_scorer", "get_scorer"),
    *("list_scorer_versions", "delete_scorer", "upsert_online_scoring_config"),
    *("get_online_scoring_configs", "get_active_online_scorers"),
    *("create_label_schema", "get_label_schema", "get_label_schema_by_name"),
    *("list_label_schemas", "update_label_schema", "delete_label_schema"),
    *("create_review_queue", "get_or_create_user_queue", "get_review_queue"),
    *("get_review_queue_by_name", "list_review_queues", "update_review_queue"),
    *("delete_review_queue", "add_items_to_review_queue", "remove_items_from_review_queue"),
    *("list_review_queue_items", "set_review_queue_item_status"),
)


def _refusal(name: str) -> Callable[..., NoReturn]:
    def refuse(self: object, *args: Any, **kwargs: Any) -> NoReturn:
        raise MlflowNotImplementedException(
            f"{name} is not available: this version of the DynamoDB store keeps experiments, "
            "runs, their datasets, logged models and the model registry."
        )

    refuse.__name__ = name
    return refuse


class UnbuiltMixin(TrackingBase):
    """Refuses what is not kept, and finds none of it."""

    def search_traces(self, *args: Any, **kwargs: Any) -> tuple[list[TraceInfo], None]:
        """No trace can be stored, so none is found."""
        return [], None

    def query_trace_metrics(
        self,
        experiment_ids: list[str],
        view_type: MetricViewType,
        metric_name: str,
        aggregations: list[MetricAggregation],
        dimensions: list[str] | None = None,
        filters: list[str] | None = None,
        time_interval_seconds: int | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> PagedList[MetricDataPoint]:
        """What the traces that can't be stored add up to: a count of them all is 0."""
        from mlflow.store.tracking.utils.sql_trace_metrics_utils import (
            validate_query_trace_metrics_params,
        )

        validate_query_trace_metrics_params(view_type, metric_name, aggregations, dimensions)
        grouped = bool(dimensions or time_interval_seconds)
        counts = {str(one): 0 for one in aggregations if str(one) == "COUNT"}
        if grouped or not counts:
            return PagedList([], None)
        return PagedList([MetricDataPoint(metric_name, {}, counts)], None)

    def list_scorers(self, experiment_id: str) -> list[Any]:
        """No scorer can be registered, so there is none."""
        return []

    def search_datasets(self, *args: Any, **kwargs: Any) -> PagedList[Any]:
        """No evaluation dataset can be kept, so none is found."""
        return PagedList([], None)

    def search_issues(self, *args: Any, **kwargs: Any) -> PagedList[Any]:
        """No issue can be kept, so none is found."""
        return PagedList([], None)


for _name in REFUSED:
    setattr(UnbuiltMixin, _name, _refusal(_name))
