"""Operations on experiments."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from mlflow.entities import ExperimentTag

from .base import EXPERIMENTS_AT_ONCE, Operations
from .words import INDEX, keys, names, rarely, some, values

_tags = st.builds(ExperimentTag, keys, values)
_locations = rarely(
    st.just(None), "", "s3://bucket/path", "/data", "s3://b/" + "x" * 2041, "s3://b/" + "x" * 2042
)
_id_forms = st.sampled_from(("{}", "0{}", " {} ", "{}.0", "-{}", "x{}", "+{}"))


class ExperimentOperations(Operations):
    """Create, get, rename, delete, restore, tag."""

    @rule(name=names, location=_locations, tags=st.none() | some(_tags, 3))
    def create_experiment(
        self, name: str, location: str | None, tags: list[ExperimentTag] | None
    ) -> None:
        created = self.pair.call("create_experiment", name, location, tags)
        if created is not None:
            self.experiments.append(created)

    @precondition(lambda self: len(self.experiments) < EXPERIMENTS_AT_ONCE)
    @rule(name=names)
    def create_plain_experiment(self, name: str) -> None:
        created = self.pair.call("create_experiment", name)
        if created is not None:
            self.experiments.append(created)

    @rule(i=INDEX, form=_id_forms)
    def get_experiment(self, i: int, form: str) -> None:
        self.pair.call("get_experiment", form.format(self.experiment(i)))

    @rule(experiment_id=st.sampled_from((None, "", 0, "0", "abc", "1.5", "٣", "1_0", str(2**70))))
    def get_experiment_by_odd_id(self, experiment_id: str | None) -> None:
        self.pair.call("get_experiment", experiment_id)

    @rule(i=INDEX, form=_id_forms, name=names, tag=_tags)
    def change_by_odd_id(self, i: int, form: str, name: str, tag: ExperimentTag) -> None:
        odd = form.format(self.experiment(i))
        self.pair.call("rename_experiment", odd, name)
        self.pair.call("set_experiment_tag", odd, tag)
        self.pair.call("delete_experiment_tag", odd, tag.key)
        self.pair.call("delete_experiment", odd)
        self.pair.call("restore_experiment", odd)
        self.pair.call_unordered("_search_datasets", [odd])

    @rule(name=names)
    def get_experiment_by_name(self, name: str) -> None:
        self.pair.call("get_experiment_by_name", name)

    @rule(i=INDEX, name=names)
    def rename_experiment(self, i: int, name: str) -> None:
        self.pair.call("rename_experiment", self.experiment(i), name)

    @rule(i=INDEX)
    def delete_experiment(self, i: int) -> None:
        self.pair.call("delete_experiment", self.experiment(i))

    @rule(i=INDEX)
    def restore_experiment(self, i: int) -> None:
        self.pair.call("restore_experiment", self.experiment(i))

    @rule(i=INDEX, tag=_tags)
    def set_experiment_tag(self, i: int, tag: ExperimentTag) -> None:
        self.pair.call("set_experiment_tag", self.experiment(i), tag)

    @rule(i=INDEX, key=keys)
    def delete_experiment_tag(self, i: int, key: str) -> None:
        self.pair.call("delete_experiment_tag", self.experiment(i), key)


class GarbageOperations(Operations):
    """What ``mlflow gc`` calls."""

    @rule(older_than=st.sampled_from((0, 1, 5, 10**6)))
    def get_deleted(self, older_than: int) -> None:
        self.pair.call_unordered("_get_deleted_runs", older_than=older_than)
        self.pair.call_unordered("_get_deleted_logged_models", older_than=older_than)

    @rule(i=INDEX)
    def hard_delete_run(self, i: int) -> None:
        self.pair.call("_hard_delete_run", self.run(i))

    @rule(i=INDEX)
    def hard_delete_experiment(self, i: int) -> None:
        self.pair.call("_hard_delete_experiment", self.experiment(i))

    @rule(i=INDEX)
    def hard_delete_logged_model(self, i: int) -> None:
        self.pair.call("_hard_delete_logged_model", self.model(i))
