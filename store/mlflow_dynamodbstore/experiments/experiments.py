"""Experiments and their tags."""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from dynamodbstore_events.entities import EXPERIMENT, FORM
from dynamodbstore_events.keys import (
    META,
    experiment_pk,
    newest_first,
    padded_id,
    tag_sk,
)
from dynamodbstore_projections.config import ConfigSource
from dynamodbstore_projections.expiry.records import record_key
from dynamodbstore_projections.expiry.sweep import remove_expired
from dynamodbstore_table.conditions import ITEM_EXISTS, ITEM_MISSING, both, equals
from dynamodbstore_table.errors import ConditionFailed
from dynamodbstore_table.items.forms import newest_form
from dynamodbstore_table.items.texts import text_items, texts
from dynamodbstore_table.port import Check, Item, Op, Put, SortRange, Table, Update, now_ms
from mlflow.entities import Experiment, ExperimentTag
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import (
    BAD_REQUEST,
    INVALID_STATE,
    RESOURCE_ALREADY_EXISTS,
    RESOURCE_DOES_NOT_EXIST,
)
from mlflow.utils.time import get_current_time_millis
from mlflow.utils.uri import append_to_uri_path, resolve_uri_if_local
from mlflow.utils.validation import (
    _validate_experiment_artifact_location_length,
    _validate_experiment_name,
    _validate_experiment_tag,
)

from mlflow_dynamodbstore.core.claims import EXPERIMENT_KIND, stale_holder
from mlflow_dynamodbstore.core.housekeeping import Housekeeping
from mlflow_dynamodbstore.core.lifecycle import ACTIVE, DELETED, ExperimentState
from mlflow_dynamodbstore.core.lookup import Lookup, raise_experiment_missing
from mlflow_dynamodbstore.core.places import Places
from mlflow_dynamodbstore.core.retry import Contention
from mlflow_dynamodbstore.core.tag_removal import remove_tag
from mlflow_dynamodbstore.core.text_values import required_text_or_none, required_texts
from mlflow_dynamodbstore.experiments.experiment_items import (
    DEFAULT_EXPERIMENT_ID,
    canonical_id,
    experiment_entity,
    given_id,
    new_experiment_id,
)
from mlflow_dynamodbstore.settings import run_shards, trace_shards

_META_AND_TAGS = SortRange(META, "TAG#\U0010ffff")
_TAGS_IN_ONE_WRITE = 98
_SECONDS_OF_A_START = 30.0


class Experiments:
    """Experiments: create, get, rename, delete, restore, and their tags.

    ``artifact_root_uri`` is where experiments without a location of their own keep artifacts.
    """

    serves = ("ensure_default_experiment",)

    def __init__(
        self,
        table: Table,
        lookup: Lookup,
        config: ConfigSource,
        housekeeping: Housekeeping,
        artifact_root_uri: str,
        places: Places,
    ) -> None:
        self._table = table
        self._places = places
        self._scope = lookup.scope
        self._experiments = lookup.experiments
        self._runs = lookup.runs
        self._config = config
        self._housekeeping = housekeeping
        self._artifact_root_uri = artifact_root_uri

    def ensure_default_experiment(self) -> None:
        """Create experiment 0 if it is missing; servers that start together all succeed.

        One that has expired must be gone with all of its runs before there is another: it is
        removed, or, if that takes too long, left out until the next start.
        """
        if self._experiments.find(DEFAULT_EXPERIMENT_ID) is not None:
            return
        expired = record_key(experiment_pk(DEFAULT_EXPERIMENT_ID))
        if self._table.get(expired) is not None:
            remove_expired(self._table, self._config.current, seconds=_SECONDS_OF_A_START)
        creation = self._creation(
            DEFAULT_EXPERIMENT_ID, Experiment.DEFAULT_EXPERIMENT_NAME, None, None
        )
        try:
            self._table.write(*creation, Check(expired, ITEM_MISSING))
        except ConditionFailed as failed:
            if len(creation) not in failed.failures:
                self._experiments.require(DEFAULT_EXPERIMENT_ID, fresh=True)

    def create_experiment(
        self,
        name: str,
        artifact_location: str | None = None,
        tags: list[ExperimentTag] | None = None,
    ) -> str:
        """Create an experiment and return its id.

        Raises ``RESOURCE_ALREADY_EXISTS`` if the name is taken, also by a deleted experiment.
        """
        _validate_experiment_name(name)
        if required_text_or_none(artifact_location, "artifact_location"):
            artifact_location = resolve_uri_if_local(artifact_location)
            _validate_experiment_artifact_location_length(artifact_location)
        required_texts("tag", tags or [])
        for tag in tags or []:
            _validate_experiment_tag(tag.key, tag.value)
        stale: str | None = None
        contention = Contention(f"who is named {name!r}")
        while True:
            experiment_id = new_experiment_id(get_current_time_millis())
            ops = self._creation(experiment_id, name, artifact_location, stale)
            pk = experiment_pk(experiment_id)
            distinct = _distinct(tags or [], RESOURCE_ALREADY_EXISTS)
            places = self._places.take(len(distinct))
            tag_ops = [
                text_items(pk, tag_sk(key), key, value).put(place)
                for (key, value), place in zip(distinct.items(), places, strict=True)
            ]
            if len(tag_ops) > _TAGS_IN_ONE_WRITE:
                self._table.bulk(tag_ops)
                tag_ops = []
            try:
                self._table.write(*ops, *tag_ops)
            except ConditionFailed as failed:
                stale = self._stale_claim(failed, stale)
                if stale is None and 1 in failed.failures:
                    raise MlflowException(
                        f"Experiment(name={name}) already exists. Choose another name, or restore "
                        "or permanently delete the experiment that has it.",
                        RESOURCE_ALREADY_EXISTS,
                    ) from None
                contention.wait()
            else:
                return experiment_id

    def _creation(
        self, experiment_id: str, name: str, artifact_location: str | None, stale: str | None
    ) -> list[Op]:
        scope, now = self._scope, get_current_time_millis()
        location = artifact_location or append_to_uri_path(self._artifact_root_uri, experiment_id)
        meta: Item = {
            "PK": experiment_pk(experiment_id),
            "SK": META,
            FORM: newest_form(EXPERIMENT),
            "name": name,
            "workspace": scope.workspace,
            "artifact_location": location,
            "stage": ACTIVE,
            "epoch": 0,
            "created": now,
            "updated": now,
            "run_shards": run_shards(),
            "trace_shards": trace_shards(),
            "gsi1pk": scope.experiments_listing,
            "gsi1sk": newest_first(now, padded_id(experiment_id)),
        }
        return [
            Put(meta, condition=ITEM_MISSING),
            scope.claim(EXPERIMENT_KIND, name, experiment_id, stale),
        ]

    def _stale_claim(self, failed: ConditionFailed, known: str | None) -> str | None:
        """The id of a vanished experiment that still holds the name, newly found."""
        met = failed.failures.get(1)
        if met is None:
            return None
        stale = stale_holder(self._table, met["id"], experiment_pk(met["id"]))
        return None if stale == known else stale

    def get_experiment(self, experiment_id: str | None) -> Experiment:
        """The experiment with its tags, in any stage; raises ``RESOURCE_DOES_NOT_EXIST``."""
        canonical = canonical_id(experiment_id)
        found = self._read_experiment(canonical)
        if found is None:
            raise_experiment_missing(canonical)
        return found

    def get_experiment_by_name(self, experiment_name: str | None) -> Experiment | None:
        """The experiment of that name, in any stage, or None."""
        if experiment_name is None:
            return None
        found = self._scope.holder(self._table, EXPERIMENT_KIND, str(experiment_name))
        return None if found is None else self._read_experiment(found)

    def _read_experiment(self, experiment_id: str) -> Experiment | None:
        items = list(self._table.query_all(experiment_pk(experiment_id), sk=_META_AND_TAGS))
        if not items or items[0]["SK"] != META:
            return None
        state = self._experiments.remember(items[0])
        return None if state is None else experiment_entity(state, texts(items[1:]))

    def delete_experiment(self, experiment_id: str) -> None:
        """Mark an active experiment, and with it all of its runs, deleted: one write."""
        self._change_stage(experiment_id, ACTIVE, DELETED)

    def restore_experiment(self, experiment_id: str) -> None:
        """Bring a deleted experiment back, and with it all of its runs: one write."""
        self._change_stage(experiment_id, DELETED, ACTIVE)

    def _change_stage(self, experiment_id: str, old: str, new: str) -> None:
        canonical, now = given_id(experiment_id), now_ms(self._table)
        self._experiments.check(canonical)
        # By its own token the change is known as done where its answer is lost.
        changed = {"stage": new, "updated": now, "change": secrets.token_hex(8)}
        try:
            self._table.write(
                Update(
                    (experiment_pk(canonical), META),
                    set={**changed, "deleted": now} if new == DELETED else changed,
                    # Lest what is restored expire before the projector has heard of it.
                    remove=() if new == DELETED else ("deleted", "ttl"),
                    add={"epoch": 1},
                    condition=both(ITEM_EXISTS, equals("stage", old)),
                )
            )
        except ConditionFailed:
            raise_experiment_missing(canonical)
        finally:
            self._experiments.forget(canonical)
            self._runs.forget_all()
        self._housekeeping.do_some()

    def rename_experiment(self, experiment_id: str, new_name: str) -> None:
        """Give an active experiment another name.

        Raises ``INVALID_STATE`` for a deleted one and ``BAD_REQUEST`` for a name that is taken.
        """
        _validate_experiment_name(new_name)
        canonical = canonical_id(experiment_id)
        stale: str | None = None
        contention = Contention(f"who is named {new_name!r}")
        while True:
            state = self._experiments.require(canonical, fresh=True)
            if state.stage != ACTIVE:
                raise MlflowException("Cannot rename a non-active experiment.", INVALID_STATE)
            try:
                self._table.write(*self._renaming(state, new_name, stale))
            except ConditionFailed as failed:
                stale = self._stale_claim(failed, stale)
                if stale is None and 1 in failed.failures:
                    raise MlflowException(
                        f"Experiment(name={new_name}) already exists. Choose another name.",
                        BAD_REQUEST,
                    ) from None
                contention.wait()
            else:
                self._experiments.forget(canonical)
                return

    def _renaming(self, state: ExperimentState, new_name: str, stale: str | None) -> list[Op]:
        unchanged = both(equals("name", state.name), equals("epoch", state.epoch))
        update = Update(
            (experiment_pk(state.experiment_id), META),
            set={"name": new_name, "updated": get_current_time_millis()},
            condition=unchanged,
        )
        if new_name == state.name:
            return [update]
        return [
            update,
            self._scope.claim(EXPERIMENT_KIND, new_name, state.experiment_id, stale),
            self._scope.release(EXPERIMENT_KIND, state.name, state.experiment_id),
        ]

    def set_experiment_tag(self, experiment_id: str, tag: ExperimentTag) -> None:
        """Set a tag of an active experiment."""
        required_texts("tag", [tag])
        _validate_experiment_tag(tag.key, tag.value)
        canonical = given_id(experiment_id)
        self._experiments.require_active(canonical)
        text = text_items(experiment_pk(canonical), tag_sk(tag.key), tag.key, tag.value)
        place = self._places.next()
        self._table.write(text.update(place))

    def delete_experiment_tag(self, experiment_id: str, key: str) -> None:
        """Delete a tag of an active experiment; raises ``RESOURCE_DOES_NOT_EXIST`` for none."""
        canonical = given_id(experiment_id)
        self._experiments.require_active(canonical)
        if not remove_tag(self._table, experiment_pk(canonical), key):
            raise MlflowException(
                f"No tag with name: {key} in experiment with id {experiment_id}",
                RESOURCE_DOES_NOT_EXIST,
            )


def _distinct(tags: Iterable[ExperimentTag], code: int) -> dict[str, str]:
    """The tags by key; the SQL store refuses a key given twice when an entity is created."""
    distinct: dict[str, str] = {}
    for tag in tags:
        if tag.key in distinct:
            raise MlflowException(
                f"The tag key {tag.key!r} is given twice. Give each key once.", code
            )
        distinct[tag.key] = tag.value
    return distinct
