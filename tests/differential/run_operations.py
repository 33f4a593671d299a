"""Operations on runs, their tags and their params."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from mlflow.entities import Param, RunStatus, RunTag

from .base import Operations
from .words import (
    INDEX,
    few_keys,
    free_tags,
    good_tags,
    keys,
    params,
    rarely,
    run_names,
    some,
    tags,
)

_STARTS = (0, 1, 1000, 1000, 1_700_000_000_000, -1)
_ENDS = (None, 0, 5, 1000, 1_700_000_000_001)
_statuses = st.sampled_from((None, *RunStatus.all_status()))


class RunOperations(Operations):
    """Create, get, update, delete, restore; tags and params."""

    @rule(
        i=INDEX,
        user=st.sampled_from(("user", "", "é")),
        start=rarely(st.sampled_from(_STARTS), 2**62),
        tags=st.none() | some(free_tags, 3),
        name=run_names,
    )
    def create_run(
        self, i: int, user: str, start: int, tags: list[RunTag] | None, name: str | None
    ) -> None:
        self._create(i, user, start, tags, name)

    @precondition(lambda self: len(self.runs) < 4)
    @rule(i=st.integers(0, 3), start=st.sampled_from(_STARTS), tags=some(good_tags, 2))
    def create_plain_run(self, i: int, start: int, tags: list[RunTag]) -> None:
        self._create(i, "user", start, list({t.key: t for t in tags}.values()), None)

    @rule(i=INDEX, form=st.sampled_from(("{}.0", "", "x")))
    def create_run_by_odd_id(self, i: int, form: str) -> None:
        odd = form.format(self.experiment(i))
        run = self.pair.call("create_run", odd, "user", 1, [], None)
        if run is not None:
            self.runs.append(run.info.run_id)

    def _create(
        self, i: int, user: str, start: int, tags: list[RunTag] | None, name: str | None
    ) -> None:
        run = self.pair.call("create_run", self.experiment(i), user, start, tags, name)
        if run is not None:
            self.runs.append(run.info.run_id)

    @rule(i=INDEX)
    def get_run(self, i: int) -> None:
        self.pair.call("get_run", self.run(i))

    @rule(run_id=st.sampled_from(("", "#", "x" * 300, "RUN#", "é")))
    def get_run_by_odd_id(self, run_id: str) -> None:
        self.pair.call("get_run", run_id)

    @rule(i=INDEX, status=_statuses, end=st.sampled_from(_ENDS), name=run_names)
    def update_run_info(
        self, i: int, status: int | None, end: int | None, name: str | None
    ) -> None:
        self.pair.call("update_run_info", self.run(i), status, end, name)

    @rule(i=INDEX)
    def delete_run(self, i: int) -> None:
        self.pair.call("delete_run", self.run(i))

    @rule(i=INDEX)
    def restore_run(self, i: int) -> None:
        self.pair.call("restore_run", self.run(i))

    @rule(i=INDEX, tag=tags)
    def set_tag(self, i: int, tag: RunTag) -> None:
        self.pair.call("set_tag", self.run(i), tag)

    @rule(i=INDEX, key=rarely(few_keys | keys, "mlflow.runName", "#", "k#1"))
    def delete_tag(self, i: int, key: str) -> None:
        self.pair.call("delete_tag", self.run(i), key)

    @rule(i=INDEX, param=params)
    def log_param(self, i: int, param: Param) -> None:
        self.pair.call("log_param", self.run(i), param)
