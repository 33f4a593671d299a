"""How far the stream functions are behind, as they tell CloudWatch."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from dynamodbstore_table.dynamodb.sdk import SdkFailed, connect, failure, place

NAMESPACE: Final = "MlflowDynamodbstore"
METRIC: Final = "Lag"
LOOK_BACK_SECONDS: Final = 3600
_PERIOD_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class StreamLag:
    """Each function's lag (ms) in the last minute of the last hour in which it was called; None
    where it was not called. ``unknown`` says why nothing is known at all; else it is empty."""

    by_function: Mapping[str, float | None]
    unknown: str = ""

    @property
    def most_ms(self) -> float | None:
        """The lag of the function that is furthest behind."""
        known = [lag for lag in self.by_function.values() if lag is not None]
        return max(known, default=None)


def stream_lag(region: str, functions: Iterable[str]) -> StreamLag:
    """What CloudWatch in a region has of the functions' metric ``Lag``: from when a record was
    written to when it was projected. The functions of several stacks in one region are not told
    apart. Never raises: a table can be looked at without the right to read metrics.
    """
    names = tuple(functions)
    nothing = dict.fromkeys(names)
    try:
        answer = _metric_data(region, names)
    except SdkFailed as error:
        return StreamLag(nothing, str(error))
    except Exception as error:
        return StreamLag(nothing, _refusal(error, region))
    found: dict[str, float | None] = {**nothing}
    for result in answer["MetricDataResults"]:
        if result["Values"]:
            found[names[int(result["Id"][1:])]] = float(result["Values"][0])
    return StreamLag(found)


def _refusal(error: Exception, region: str) -> str:
    """Why CloudWatch gave no answer that can be used."""
    from botocore.exceptions import ClientError

    if not isinstance(error, ClientError):
        return failure(error, place("cloudwatch", region), "request")
    reported = error.response.get("Error", {})
    code, message = reported.get("Code", ""), " ".join(str(reported.get("Message", "")).split())
    if code in ("AccessDenied", "AccessDeniedException"):
        return f"cloudwatch:GetMetricData is not granted ({message or code})"
    return f"CloudWatch answered {code}"


def _metric_data(region: str, functions: tuple[str, ...]) -> dict[str, Any]:
    from botocore.config import Config

    now = time.time()
    connection = connect(
        "cloudwatch",
        region=region,
        endpoint_url=None,
        config=Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 2}),
    )
    try:
        connection.refresh_credentials()
        answer: dict[str, Any] = connection.client.get_metric_data(
            MetricDataQueries=[_query(i, name) for i, name in enumerate(functions)],
            StartTime=now - LOOK_BACK_SECONDS,
            EndTime=now + _PERIOD_SECONDS,
            ScanBy="TimestampDescending",
        )
    finally:
        connection.client.close()
    return answer


def _query(number: int, function: str) -> dict[str, Any]:
    metric = {
        "Namespace": NAMESPACE,
        "MetricName": METRIC,
        "Dimensions": [{"Name": "service", "Value": function}],
    }
    stat = {"Metric": metric, "Period": _PERIOD_SECONDS, "Stat": "Maximum"}
    return {"Id": f"f{number}", "MetricStat": stat}
