"""Operations on logged models, and on what runs take in and put out."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from mlflow.entities import (
    DatasetInput,
    LoggedModelInput,
    LoggedModelOutput,
    LoggedModelParameter,
    LoggedModelStatus,
    LoggedModelTag,
    Metric,
    Param,
)
from mlflow.models import Model

from .base import Operations
from .words import (
    INDEX,
    LONG_VALUES,
    VALUES,
    dataset_inputs,
    dataset_names,
    digests,
    few_keys,
    good_numbers,
    good_params,
    rarely,
    some,
    steps,
    times,
)

_keys = rarely(few_keys, "", "a#b", "k%", "k" * 250, "é" * 255, "/a//b")
_values = rarely(st.sampled_from(VALUES), *LONG_VALUES)
_tags = st.builds(LoggedModelTag, _keys, _values)
_params = st.builds(LoggedModelParameter, _keys, _values)
_names = rarely(
    st.sampled_from(("model", "Model", "m_x", "é", None)),
    *("", "a/b", "a:b", "a.b", "a%b", 'a"b', "a'b", "n" * 500),
)
_types = st.sampled_from((None, "", "agent", "Agent"))


class ModelOperations(Operations):
    """Logged models: create, finalize, tag, delete; their params and metrics."""

    @rule(
        i=INDEX,
        name=_names,
        source=st.none() | INDEX,
        tags=st.none() | some(_tags, 2),
        params=st.none() | some(_params, 2),
        model_type=_types,
    )
    def create_logged_model(
        self,
        i: int,
        name: str | None,
        source: int | None,
        tags: list[LoggedModelTag] | None,
        params: list[LoggedModelParameter] | None,
        model_type: str | None,
    ) -> None:
        run_id = None if source is None else self.run(source)
        args = (self.experiment(i), name, run_id, tags, params, model_type)
        model = self.pair.call("create_logged_model", *args)
        if model is not None:
            self.models.append(model.model_id)

    @precondition(lambda self: len(self.models) < 3)
    @rule(i=st.integers(0, 3))
    def create_plain_logged_model(self, i: int) -> None:
        model = self.pair.call("create_logged_model", self.experiment(i))
        if model is not None:
            self.models.append(model.model_id)

    @rule(i=INDEX, allow_deleted=st.booleans())
    def get_logged_model(self, i: int, allow_deleted: bool) -> None:
        self.pair.call("get_logged_model", self.model(i), allow_deleted=allow_deleted)

    @rule(i=INDEX, status=st.sampled_from(LoggedModelStatus))
    def finalize_logged_model(self, i: int, status: LoggedModelStatus) -> None:
        self.pair.call("finalize_logged_model", self.model(i), status)

    @rule(i=INDEX)
    def delete_logged_model(self, i: int) -> None:
        self.pair.call("delete_logged_model", self.model(i))

    @rule(i=INDEX, tags=some(_tags, 3))
    def set_logged_model_tags(self, i: int, tags: list[LoggedModelTag]) -> None:
        self.pair.call("set_logged_model_tags", self.model(i), tags)

    @rule(i=INDEX, key=_keys)
    def delete_logged_model_tag(self, i: int, key: str) -> None:
        self.pair.call("delete_logged_model_tag", self.model(i), key)

    @rule(i=INDEX, params=some(_params, 2))
    def log_logged_model_params(self, i: int, params: list[LoggedModelParameter]) -> None:
        self.pair.call("log_logged_model_params", self.model(i), params)

    @rule(
        i=INDEX,
        model=INDEX,
        key=few_keys,
        value=good_numbers,
        time=times,
        step=steps,
        dataset=st.none() | st.tuples(dataset_names, digests),
    )
    def log_model_metric(
        self,
        i: int,
        model: int,
        key: str,
        value: float,
        time: int,
        step: int,
        dataset: tuple[str, str] | None,
    ) -> None:
        name, digest = dataset or (None, None)
        metric = Metric(key, value, time, step, self.model(model), name, digest)
        self.pair.call("log_metric", self.run(i), metric)

    @rule(
        i=INDEX,
        model=INDEX,
        points=st.lists(st.tuples(few_keys, good_numbers, times, steps), max_size=4),
        params=some(good_params, 1),
    )
    def log_batch_of_model_metrics(
        self, i: int, model: int, points: list[tuple[str, float, int, int]], params: list[Param]
    ) -> None:
        metrics = [Metric(*point, self.model(model)) for point in points]
        self.send_batch(self.run(i), metrics, params, [])

    @rule(i=INDEX, model=INDEX)
    def record_logged_model(self, i: int, model: int) -> None:
        recorded = Model(
            artifact_path="path",
            run_id=self.run(i),
            utc_time_created="2026-01-01",
            model_uuid=self.model(model),
        )
        self.pair.call("record_logged_model", self.run(i), recorded)


class InputOperations(Operations):
    """Datasets and models that a run takes in, and models that it puts out."""

    @rule(i=INDEX, datasets=some(dataset_inputs, 3), those=st.none() | st.lists(INDEX, max_size=2))
    def log_inputs(self, i: int, datasets: list[DatasetInput], those: list[int] | None) -> None:
        models = None if those is None else [LoggedModelInput(self.model(m)) for m in those]
        self.pair.call("log_inputs", self.run(i), datasets, models)

    @rule(i=INDEX, those=st.lists(st.tuples(INDEX, steps), max_size=3))
    def log_outputs(self, i: int, those: list[tuple[int, int]]) -> None:
        models = [LoggedModelOutput(self.model(m), step) for m, step in those]
        self.pair.call("log_outputs", self.run(i), models)

    @rule(those=st.lists(INDEX, max_size=3))
    def search_datasets(self, those: list[int]) -> None:
        ids = [self.experiment(i) for i in those]
        self.pair.call_unordered("_search_datasets", ids)
