"""Assessments of traces: create, get, update, delete; one conditional update each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NoReturn

from dynamodbstore_events.keys import ASSESS, trace_pk
from dynamodbstore_table.conditions import Condition, Exists, Missing, both, equals
from dynamodbstore_table.errors import ConditionFailed
from dynamodbstore_table.port import Item, Table, now_ms
from mlflow.entities import Assessment
from mlflow.entities.assessment import ExpectationValue, FeedbackValue
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import (
    INTERNAL_ERROR,
    INVALID_PARAMETER_VALUE,
    RESOURCE_DOES_NOT_EXIST,
)
from mlflow.tracing.constant import AssessmentMetadataKey

from mlflow_dynamodbstore.core.retry import retried
from mlflow_dynamodbstore.traces.assessment_items import (
    ASSESSMENT,
    OVERRIDDEN,
    Form,
    assessment_of,
    form_of,
    forms_of,
    to_text,
)
from mlflow_dynamodbstore.traces.attributes import CHANGES, texts_of, write_texts
from mlflow_dynamodbstore.traces.head import Head
from mlflow_dynamodbstore.traces.links import link_assessments
from mlflow_dynamodbstore.traces.writing import Changed, Heads, Retention


class _Found:
    """The assessments of a trace as they were read."""

    def __init__(self, head: Head, items: list[Item]) -> None:
        self.head = head
        self.texts = texts_of(items, ASSESS)
        self.forms = forms_of(self.texts)
        changes = next((item[CHANGES] for item in items if item["SK"] == ASSESS), None)
        self.unchanged: Condition = (
            Missing(CHANGES) if changes is None else equals(CHANGES, changes)
        )

    def assessment(self, assessment_id: str) -> Assessment:
        valid = OVERRIDDEN + assessment_id not in self.texts
        return assessment_of(self.head.trace_id, assessment_id, self.forms[assessment_id], valid)


class Assessments:
    """Assessments of the traces of one scope."""

    def __init__(self, table: Table, heads: Heads, retention: Retention) -> None:
        self._table = table
        self._heads = heads
        self._retention = retention

    def create_assessment(self, assessment: Assessment) -> Assessment:
        """Add an assessment to its trace; one that it overrides is valid no longer.

        Raises ``RESOURCE_DOES_NOT_EXIST`` for a missing trace, or a missing assessment that is to
        be overridden, and ``INTERNAL_ERROR`` for an id that is taken.
        """
        trace_id = assessment.trace_id
        head = self._heads.require(trace_id)
        form = form_of(assessment, now_ms(self._table))
        assessment_id, overrides = assessment.assessment_id, form["overrides"]
        texts: dict[str, str | None] = {ASSESSMENT + assessment_id: to_text(form)}
        conditions: list[Condition] = [Missing(ASSESSMENT + assessment_id)]
        if overrides:
            texts[OVERRIDDEN + overrides] = assessment_id
            conditions.append(Exists(ASSESSMENT + overrides))
        link_assessments(self._table, head, {assessment_id: form})
        self._write(head, texts, both(*conditions), assessment_id, overrides)
        if not head.assessed:
            self._heads.change(trace_id, _assessed, self._retention.form_of(head))
        return assessment_of(trace_id, assessment_id, form, valid=True)

    def _write(
        self,
        head: Head,
        texts: Mapping[str, str | None],
        condition: Condition,
        assessment_id: str,
        overrides: str | None,
    ) -> None:
        key, ttl = self._key(head.trace_id), self._retention.form_of(head).ttl_below(head.time)
        try:
            write_texts(self._table, key, texts, ttl=ttl, condition=condition)
        except ConditionFailed as failed:
            found = self._read(head.trace_id)
            if overrides and overrides not in found.forms:
                _raise_assessment_missing(head.trace_id, overrides)
            stored = found.texts.get(ASSESSMENT + assessment_id)
            if stored is not None:
                raise MlflowException(
                    f"The trace '{head.trace_id}' has an assessment with the ID "
                    f"'{assessment_id}' already: leave the ID out, or choose another one.",
                    INTERNAL_ERROR,
                ) from failed
            raise

    def get_assessment(self, trace_id: str, assessment_id: str) -> Assessment:
        """An assessment; raises ``RESOURCE_DOES_NOT_EXIST`` for a missing trace or assessment."""
        return self._require(trace_id, assessment_id).assessment(assessment_id)

    def update_assessment(
        self,
        trace_id: str,
        assessment_id: str,
        name: str | None = None,
        expectation: ExpectationValue | None = None,
        feedback: FeedbackValue | None = None,
        rationale: str | None = None,
        metadata: dict[str, str] | None = None,
    ) -> Assessment:
        """Change what is given of an assessment; metadata is merged.

        Raises ``RESOURCE_DOES_NOT_EXIST`` where it is not there, and ``INVALID_PARAMETER_VALUE``
        for a value of the other kind.
        """

        def attempt() -> Assessment:
            found = self._require(trace_id, assessment_id)
            form = _changed(
                found.forms[assessment_id],
                now_ms(self._table),
                name,
                expectation,
                feedback,
                rationale,
                metadata,
            )
            link_assessments(self._table, found.head, {assessment_id: form})
            ttl = self._retention.form_of(found.head).ttl_below(found.head.time)
            text = {ASSESSMENT + assessment_id: to_text(form)}
            self._change(found, text, ttl=ttl)
            found.forms[assessment_id] = form
            return found.assessment(assessment_id)

        return retried(f"trace {trace_id}", attempt, on=(Changed,))

    def delete_assessment(self, trace_id: str, assessment_id: str) -> None:
        """Remove an assessment, if it is there; one that it overrides is valid again.

        Nothing happens where the trace is missing.
        """

        def attempt() -> None:
            found = self._find(trace_id)
            if found is None or assessment_id not in found.forms:
                return
            names = [ASSESSMENT + assessment_id, OVERRIDDEN + assessment_id]
            if overrides := found.forms[assessment_id]["overrides"]:
                names.append(OVERRIDDEN + overrides)
            self._change(found, {}, remove=tuple(names))

        retried(f"trace {trace_id}", attempt, on=(Changed,))

    def _change(
        self,
        found: _Found,
        texts: Mapping[str, str | None],
        *,
        ttl: int | None = None,
        remove: tuple[str, ...] = (),
    ) -> None:
        key = self._key(found.head.trace_id)
        try:
            write_texts(self._table, key, texts, ttl=ttl, condition=found.unchanged, remove=remove)
        except ConditionFailed as failed:
            raise Changed from failed

    def _key(self, trace_id: str) -> tuple[str, str]:
        return trace_pk(trace_id), ASSESS

    def _find(self, trace_id: str) -> _Found | None:
        items = list(self._table.query_all(trace_pk(trace_id)))
        head = self._heads.of_items(items)
        return None if head is None else _Found(head, items)

    def _read(self, trace_id: str) -> _Found:
        found = self._find(trace_id)
        if found is None:
            raise MlflowException(
                f"Trace with request_id '{trace_id}' not found", RESOURCE_DOES_NOT_EXIST
            )
        return found

    def _require(self, trace_id: str, assessment_id: str) -> _Found:
        found = self._read(trace_id)
        if assessment_id not in found.forms:
            _raise_assessment_missing(trace_id, assessment_id)
        return found


def _assessed(known: Head | None) -> Head:
    if known is None:
        raise Changed
    return replace(known, assessed=True, change=known.change + 1)


def run_of(metadata: Mapping[str, Any] | None) -> Any:
    """The run that made an assessment, by its metadata."""
    return (metadata or {}).get(AssessmentMetadataKey.SOURCE_RUN_ID)


def _changed(
    form: Form,
    at_ms: int,
    name: str | None,
    expectation: ExpectationValue | None,
    feedback: FeedbackValue | None,
    rationale: str | None,
    metadata: Mapping[str, str] | None,
) -> Form:
    """The assessment with what is given in place of what it had."""
    _check_kind(form, expectation, feedback)
    values: dict[str, Any] = {"updated": at_ms}
    if name is not None:
        values["name"] = name
    if metadata:
        values["metadata"] = {**(form["metadata"] or {}), **metadata}
    if expectation is not None:
        values["value"] = expectation.value
    if feedback is not None:
        error = feedback.error
        values |= {
            "value": feedback.value,
            "error": error.to_dictionary() if error else None,
        }
    if rationale is not None and form["type"] == "feedback":
        values["rationale"] = rationale
    return {**form, **values}


def _check_kind(
    form: Form, expectation: ExpectationValue | None, feedback: FeedbackValue | None
) -> None:
    fault = None
    if expectation is not None and feedback is not None:
        fault = "Cannot specify both `expectation` and `feedback` parameters."
    elif expectation is not None and form["type"] != "expectation":
        fault = f"Cannot update expectation value on a {form['type']} assessment."
    elif feedback is not None and form["type"] != "feedback":
        fault = f"Cannot update feedback value on an assessment of type {form['type']}."
    if fault is not None:
        raise MlflowException(fault, INVALID_PARAMETER_VALUE)
    if form["type"] == "issue":
        raise MlflowException("A reference to an issue can't be updated.", INTERNAL_ERROR)


def _raise_assessment_missing(trace_id: str, assessment_id: str) -> NoReturn:
    raise MlflowException(
        f"Assessment with ID '{assessment_id}' not found for trace '{trace_id}'",
        RESOURCE_DOES_NOT_EXIST,
    )
