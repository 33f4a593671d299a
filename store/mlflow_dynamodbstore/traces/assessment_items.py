"""Assessments as texts of the ASSESS item, and back. Pure.

``a:<id>`` is an assessment as JSON; ``x:<id>`` names the one that overrides it, so that it is not
valid.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from typing import Any, Final

from mlflow.entities import Assessment, AssessmentError, AssessmentSource, Expectation, Feedback
from mlflow.entities.assessment import IssueReference
from mlflow.exceptions import MlflowException
from mlflow.tracing.utils import generate_assessment_id

from mlflow_dynamodbstore.traces.attributes import texts_of

ASSESSMENT: Final = "a:"
OVERRIDDEN: Final = "x:"

Form = dict[str, Any]
"""An assessment as JSON keeps it."""


def form_of(assessment: Assessment, now_ms: int) -> Form:
    """The assessment as it is kept; one without an id is given one.

    Raises ``INVALID_PARAMETER_VALUE`` where it has no value of any kind.
    """
    if assessment.assessment_id is None:
        assessment.assessment_id = generate_assessment_id()
    error = None
    if assessment.feedback is not None:
        kind, value = "feedback", assessment.feedback.value
        if assessment.feedback.error:
            error = assessment.feedback.error.to_dictionary()
    elif assessment.expectation is not None:
        kind, value = "expectation", assessment.expectation.value
    elif assessment.issue is not None:
        kind, value = "issue", assessment.issue.to_dictionary()
    else:
        raise MlflowException.invalid_parameter_value(
            f"The assessment {assessment.name!r} has no value: give it a feedback, an expectation, "
            "or an issue."
        )
    return {
        "type": kind,
        "name": assessment.name,
        "value": value,
        "error": error,
        "created": assessment.create_time_ms or now_ms,
        "updated": assessment.last_update_time_ms or now_ms,
        "source": [assessment.source.source_type, assessment.source.source_id],
        "run_id": assessment.run_id,
        "span_id": assessment.span_id,
        "rationale": assessment.rationale,
        "overrides": assessment.overrides,
        "metadata": assessment.metadata or None,
        "at": time.time_ns(),
    }


def assessment_of(trace_id: str, assessment_id: str, form: Form, valid: bool) -> Assessment:
    """MLflow's entity."""
    source_type, source_id = form["source"]
    common: dict[str, Any] = {
        "source": AssessmentSource(source_type=source_type, source_id=source_id),
        "trace_id": trace_id,
        "metadata": form["metadata"],
        "span_id": form["span_id"],
        "create_time_ms": form["created"],
        "last_update_time_ms": form["updated"],
    }
    assessment: Assessment
    if form["type"] == "feedback":
        error = form["error"]
        assessment = Feedback(
            name=form["name"],
            value=form["value"],
            error=None if error is None else AssessmentError.from_dictionary(error),
            rationale=form["rationale"],
            **common,
        )
    elif form["type"] == "expectation":
        assessment = Expectation(name=form["name"], value=form["value"], **common)
    else:
        assessment = IssueReference(
            issue_id=form["name"],
            issue_name=form["value"].get("issue_name"),
            run_id=form["run_id"],
            rationale=form["rationale"],
            **common,
        )
    assessment.overrides = form["overrides"]
    assessment.valid = valid
    assessment.run_id = form["run_id"]
    assessment.assessment_id = assessment_id
    return assessment


def forms_of(texts: Mapping[str, str | None]) -> dict[str, Form]:
    """Every assessment among the texts of ASSESS, by id, in the order of their creation."""
    forms = {
        name[len(ASSESSMENT) :]: json.loads(text)
        for name, text in texts.items()
        if name.startswith(ASSESSMENT) and text is not None
    }
    return dict(sorted(forms.items(), key=lambda entry: (entry[1]["created"], entry[1]["at"])))


def assessments_of(
    items: Iterable[Mapping[str, Any]], sort_key: str, trace_id: str
) -> list[Assessment]:
    """The assessments of a trace from the items of its partition, in the order of creation."""
    return assessments_from(texts_of(items, sort_key), trace_id)


def assessments_from(texts: Mapping[str, str | None], trace_id: str) -> list[Assessment]:
    """The assessments of a trace from the texts of ASSESS, in the order of creation."""
    return [
        assessment_of(trace_id, assessment_id, form, OVERRIDDEN + assessment_id not in texts)
        for assessment_id, form in forms_of(texts).items()
    ]


def to_text(form: Form) -> str:
    """The text that keeps an assessment."""
    return json.dumps(form, separators=(",", ":"))


def forms_to_add(assessments: Iterable[Assessment], now_ms: int) -> dict[str, Form]:
    """Assessments as they are kept, by id."""
    forms = ((form_of(assessment, now_ms), assessment.assessment_id) for assessment in assessments)
    return {assessment_id: form for form, assessment_id in forms}


def texts_to_add(forms: Mapping[str, Form]) -> dict[str, str | None]:
    """The texts of ASSESS that keep these assessments; an overridden one is marked so."""
    texts: dict[str, str | None] = {}
    for assessment_id, form in forms.items():
        texts[ASSESSMENT + assessment_id] = to_text(form)
        if form["overrides"]:
            texts[OVERRIDDEN + form["overrides"]] = assessment_id
    return texts
