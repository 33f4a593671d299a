"""What the stores' methods make of the text that they are given."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dynamodbstore_table.embedded.table import SqliteTable
from mlflow.entities import (
    Dataset,
    DatasetInput,
    ExperimentTag,
    InputTag,
    LoggedModelOutput,
    LoggedModelParameter,
    LoggedModelStatus,
    LoggedModelTag,
    Metric,
    Param,
    RunTag,
    ViewType,
)
from mlflow.entities.model_registry import ModelVersionTag, RegisteredModelTag
from mlflow.exceptions import MlflowException
from mlflow_dynamodbstore.stores.registry import DynamoRegistryStore

from tests.tracking.stores import refused, sql_store, store_on

INVALID = "INVALID_PARAMETER_VALUE"
TEXT = "text-é"
HALF = "half \ud83e"


class Words(str, enum.Enum):
    """Text whose ``format`` and ``hash`` are those of another."""

    TEXT = TEXT


class OwnText(str):
    """Text of a caller's own class."""


SUBCLASSES = [Words.TEXT, np.str_(TEXT), OwnText(TEXT)]


class Stores:
    """Our tracking store and registry on a new file, with a run, a model and a version."""

    def __init__(self, path: Path) -> None:
        self.table = SqliteTable(path, durability="process")
        self.table.create()
        self.tracking = store_on(self.table, path.parent)
        self.registry = DynamoRegistryStore(self.table)
        self.run = self.tracking.create_run("0", "ada", 1, [], "lion").info.run_id
        self.model = self.tracking.create_logged_model("0", "net").model_id
        self.registry.create_registered_model("net")
        self.registry.create_model_version("net", "s")

    def logged(self) -> Any:
        """What the run and the model have."""
        run = self.tracking.get_run(self.run)
        model = self.tracking.get_logged_model(self.model)
        outputs = [(output.model_id, output.step) for output in run.outputs.model_outputs]
        datasets = [vars(given.dataset) for given in run.inputs.dataset_inputs]
        tags = [(t.key, t.value) for given in run.inputs.dataset_inputs for t in given.tags]
        data = run.data
        return (
            (run.info.run_name, data.params, data.tags, data.metrics, outputs, datasets, tags),
            (model.tags, model.params),
        )


@pytest.fixture
def new_stores(tmp_path: Path) -> Iterator[Callable[[str], Stores]]:
    """Makes stores on a file of this name, and closes them."""
    made: list[Stores] = []

    def make(name: str) -> Stores:
        made.append(Stores(tmp_path / name))
        return made[-1]

    yield make
    for stores in made:
        stores.table.close()


@pytest.fixture
def stores(new_stores: Callable[[str], Stores]) -> Stores:
    return new_stores("store.ddb")


def datasets(text: str) -> list[DatasetInput]:
    return [DatasetInput(Dataset(text, text, text, text, text, text), [InputTag(text, text)])]


def with_experiment(s: Stores, x: str) -> Any:
    s.tracking.create_experiment(x, None, [ExperimentTag(x, x)])
    found = s.tracking.get_experiment_by_name(x)
    s.tracking.rename_experiment(found.experiment_id, "other")
    return found.name, found.tags


def with_run(s: Stores, x: str) -> Any:
    run_id = s.tracking.create_run("0", x, 1, [RunTag(x, x)], x).info.run_id
    found = s.tracking.search_runs(["0"], f"attributes.run_name = '{TEXT}'", ViewType.ALL, 9)[0]
    assert found.info.run_id == run_id
    return found.info.run_name, found.info.user_id, found.data.tags


def with_registered_model(s: Stores, x: str) -> Any:
    s.registry.create_registered_model(x, [RegisteredModelTag(x, x)], x)
    s.registry.create_model_version(x, x, None, [ModelVersionTag(x, x)], None, x)
    model, version = s.registry.get_registered_model(x), s.registry.get_model_version(x, "1")
    return (model.name, model.tags, model.description), (
        (version.name, version.source, version.tags, version.description)
    )


USES: dict[str, Callable[[Stores, str], Any]] = {
    "experiment": with_experiment,
    "set_experiment_tag": lambda s, x: (
        s.tracking.set_experiment_tag("0", ExperimentTag(x, x)),
        s.tracking.get_experiment("0").tags,
    ),
    "run": with_run,
    "update_run_info": lambda s, x: s.tracking.update_run_info(s.run, None, None, x).run_name,
    "set_tag": lambda s, x: s.tracking.set_tag(s.run, RunTag(x, x)),
    "delete_tag": lambda s, x: (
        s.tracking.set_tag(s.run, RunTag(TEXT, "v")),
        s.tracking.delete_tag(s.run, x),
    ),
    "log_param": lambda s, x: s.tracking.log_param(s.run, Param(x, x)),
    "log_param again": lambda s, x: (
        s.tracking.log_param(s.run, Param(TEXT, TEXT)),
        s.tracking.log_param(s.run, Param(x, x)),
    ),
    "log_metric": lambda s, x: s.tracking.log_metric(s.run, Metric(x, 1.0, 1, 1)),
    "log_batch": lambda s, x: s.tracking.log_batch(
        s.run, [Metric(x, 1.0, 1, 1), Metric("m", 1.0, 1, 1)], [Param(x, x)], [RunTag(x, x)]
    ),
    "log_inputs": lambda s, x: s.tracking.log_inputs(s.run, datasets(x)),
    "log_outputs": lambda s, x: s.tracking.log_outputs(s.run, [LoggedModelOutput(x, 1)]),
    "create_logged_model": lambda s, x: vars(
        s.tracking.create_logged_model("0", "name", None, [LoggedModelTag(x, x)], [], x)
    )["_tags"],
    "set_logged_model_tags": lambda s, x: s.tracking.set_logged_model_tags(
        s.model, [LoggedModelTag(x, x)]
    ),
    "log_logged_model_params": lambda s, x: s.tracking.log_logged_model_params(
        s.model, [LoggedModelParameter(x, x)]
    ),
    "registered model": with_registered_model,
}
"""One use of a text in every place that takes one, and what the stores then give back."""


@pytest.mark.parametrize("text", SUBCLASSES, ids=lambda text: type(text).__name__)
def test_stores_keep_the_characters_of_text_of_a_subclass_of_str(
    new_stores: Callable[[str], Stores], text: str
) -> None:
    given, plain = new_stores("given.ddb"), new_stores("plain.ddb")

    for name, use in USES.items():
        # repr, as an instance of a subclass equals the text.
        assert repr(use(given, text)) == repr(use(plain, TEXT)), name
    assert repr(given.logged()) == repr(plain.logged())


def test_log_param_keeps_the_value_of_an_enum_as_the_sql_store_does(
    stores: Stores, tmp_path: Path
) -> None:
    # MLflow's own enums too, which it gives for a param of prompt optimization.
    values = {"own": Words.TEXT, "mlflow": LoggedModelStatus.READY}
    with sql_store(tmp_path) as sql:
        run_id = sql.create_run("0", "ada", 1, [], "lion").info.run_id
        for key, value in values.items():
            sql.log_param(run_id, Param(key, value))
            stores.tracking.log_param(stores.run, Param(key, value))

        theirs = sql.get_run(run_id).data.params

    ours = stores.tracking.get_run(stores.run).data.params
    assert ours == theirs == {"own": TEXT, "mlflow": "READY"}
    assert {type(value) for value in ours.values()} == {str}


@pytest.mark.parametrize("name", USES)
def test_half_of_a_surrogate_pair_is_refused_and_shown(stores: Stores, name: str) -> None:
    before = stores.logged()

    with refused(INVALID) as refusal:
        USES[name](stores, HALF)

    assert "half of a surrogate pair" in refusal.value.message or "\\ud83e" in repr(refusal.value)
    for key in ("RUN#", "EXP#", "TAG#", "PARAM#", "LM#", "NAME#"):
        assert key not in refusal.value.message
    if name not in ("delete_tag", "log_param again"):
        assert stores.logged() == before


def test_searches_refuse_half_of_a_surrogate_pair(stores: Stores) -> None:
    with refused(INVALID):
        stores.tracking.search_runs(["0"], f"params.p = '{HALF}'", ViewType.ALL, 10)
    with refused(INVALID):
        stores.tracking.search_logged_models(["0"], order_by=[{"field_name": HALF}])


@pytest.mark.parametrize(
    "odd", [1, 1.5, True, ("a", "b"), b"x", object()], ids=lambda odd: type(odd).__name__
)
def test_a_key_that_is_no_text_is_refused(stores: Stores, odd: Any) -> None:
    writes: list[Callable[[], object]] = [
        lambda: stores.tracking.set_tag(stores.run, RunTag(odd, "v")),
        lambda: stores.tracking.set_tag(stores.run, RunTag("a", odd)),
        lambda: stores.tracking.log_param(stores.run, Param(odd, "v")),
        lambda: stores.tracking.log_param(stores.run, Param("a", odd)),
        lambda: stores.tracking.log_metric(stores.run, Metric(odd, 1.0, 1, 1)),
        lambda: stores.tracking.log_batch(stores.run, [Metric(odd, 1.0, 1, 1)], [], []),
        lambda: stores.tracking.log_batch(stores.run, [], [Param(odd, "v")], []),
        lambda: stores.tracking.log_batch(stores.run, [], [Param("a", odd)], []),
        lambda: stores.tracking.log_batch(stores.run, [], [], [RunTag(odd, "v")]),
        lambda: stores.tracking.log_batch(odd, [], [], []),
        lambda: stores.tracking.set_experiment_tag("0", ExperimentTag(odd, "v")),
        lambda: stores.tracking.set_experiment_tag("0", ExperimentTag("a", odd)),
        lambda: stores.tracking.create_experiment("new", None, [ExperimentTag(odd, "v")]),
        lambda: stores.tracking.create_experiment("new", odd),
        lambda: stores.tracking.log_inputs(stores.run, datasets(odd)),
        lambda: stores.registry.create_registered_model(odd),
        lambda: stores.registry.create_registered_model("new", [RegisteredModelTag(odd, "v")]),
        lambda: stores.registry.set_registered_model_tag("net", RegisteredModelTag(odd, "v")),
        lambda: stores.registry.rename_registered_model("net", odd),
        lambda: stores.registry.set_registered_model_alias("net", odd, "1"),
        lambda: stores.registry.create_model_version("net", odd),
        lambda: stores.registry.set_model_version_tag("net", "1", ModelVersionTag(odd, "v")),
        lambda: stores.tracking.log_outputs(stores.run, [LoggedModelOutput(odd, 1)]),
    ]
    before = stores.logged()

    for write in writes:
        with refused(INVALID):
            write()

    assert stores.logged() == before


def shown(value: object) -> str:
    """A value as a test's name, which must be the same in every process."""
    return "object" if type(value) is object else repr(value)


@pytest.mark.parametrize("version", [None, [], {}, ("1",), object(), "x", "1.5"], ids=shown)
def test_a_version_that_is_no_number_is_refused(stores: Stores, version: Any) -> None:
    for method in (
        stores.registry.get_model_version,
        stores.registry.get_model_version_download_uri,
        stores.registry.update_model_version,
        stores.registry.delete_model_version,
    ):
        with refused(INVALID):
            method("net", version)


@pytest.mark.parametrize("odd", [["a"], {"a": 1}, b"x", object()], ids=shown)
def test_a_text_that_is_neither_text_nor_number_is_refused(stores: Stores, odd: Any) -> None:
    for write in (
        lambda: stores.registry.create_registered_model("new", None, odd),
        lambda: stores.registry.update_registered_model("net", odd),
        lambda: stores.registry.update_model_version("net", "1", odd),
        lambda: stores.registry.create_model_version("net", "s", odd),
        lambda: stores.registry.create_model_version("net", "s", None, None, odd),
    ):
        with refused("BAD_REQUEST"):
            write()


def test_create_model_version_keeps_numbers_as_their_digits(stores: Stores) -> None:
    made: Any = stores.registry.create_model_version("net", "s", 7, None, 8, 9)
    found = stores.registry.get_model_version("net", made.version)

    for version in (made, found):
        assert (version.run_id, version.run_link, version.description) == ("7", "8", "9")


def test_create_model_version_takes_no_source_as_the_sql_store_does(stores: Stores) -> None:
    none: Any = None

    assert stores.registry.create_model_version("net", none).source is None


def test_an_argument_that_no_check_foresees_raises_an_mlflow_error(stores: Stores) -> None:
    with refused("INTERNAL_ERROR") as refusal:
        stores.tracking.create_run("0", "ada", 1, 7, "lion")

    assert "create_run failed: TypeError" in refusal.value.message
    assert isinstance(refusal.value.__cause__, TypeError)


def test_a_call_with_other_parameters_stays_a_type_error(stores: Stores) -> None:
    with pytest.raises(TypeError):
        stores.tracking.get_run(stores.run, "more")


@pytest.mark.parametrize("time", ["1700000000000", 1700000000000.0])
def test_times_may_be_digits_as_text(stores: Stores, time: Any) -> None:
    created = stores.tracking.create_run("0", "ada", time, [], "lion").info
    ended = stores.tracking.update_run_info(created.run_id, None, time, None)

    assert (created.start_time, ended.end_time) == (1700000000000, 1700000000000)


@pytest.mark.parametrize("time", ["", " 1", "1.0", "1e3", "1_000", "१", "9" * 20])
def test_times_refuse_text_that_is_not_digits(stores: Stores, time: Any) -> None:
    with pytest.raises(MlflowException, match="whole number of milliseconds"):
        stores.tracking.create_run("0", "ada", time, [], "lion")
