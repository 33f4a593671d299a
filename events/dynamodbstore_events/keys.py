"""The item table: every partition key and sort key, in one place.

=========================  ============================  =====================================
entity                     PK                            SK
=========================  ============================  =====================================
experiment                 ``EXP#<id>``                  ``META``
experiment tag             ``EXP#<id>``                  ``TAG#<key>``
dataset header             ``EXP#<id>``                  ``DATASET#<hash>``
dataset use in a context   ``EXP#<id>``                  ``DATASET#<hash>#CTX#<context>``
dataset body               ``DATASET#<hash>``            ``BODY#<generation>#<n>``
run                        ``RUN#<id>``                  ``META``
run tag, param             ``RUN#<id>``                  ``TAG#<key>``, ``PARAM#<key>``
latest metric, open chunk  ``RUN#<id>``                  ``METRIC#<key>``
dataset input              ``RUN#<id>``                  ``INPUT#DATASET#<hash>``
model input, output        ``RUN#<id>``                  ``INPUT#MODEL#<id>``, ``OUTPUT#<id>``
model with metrics of run  ``RUN#<id>``                  ``MODEL#<model id>``
sealed metric history      ``HIST#<run id>``             ``<key>#<chunk>``
batch of metric history    ``HIST#<run id>``             ``<key>#B#<first step>#<digest>``
out-of-order point         ``HIST#<run id>``             ``<key>#P#<step>#<time>#<value>``
logged model               ``LM#<id>``                   ``META``
model tag, param           ``LM#<id>``                   ``TAG#<key>``, ``PARAM#<key>``
model metric               ``LM#<id>``                   ``METRIC#<key>#<time>#<step>#<run>``
name claim                 ``NAME#<ws>#<kind>#<name>``   ``NAME``
registered model           ``RM#<model key>``            ``META``
model version              ``RM#<model key>``            ``VERSION#<number>``
registered model has a tag ``RM#<model key>``            ``TAG#<key>``
long text of these         ``RM#<model key>``            ``TEXT#<text id>#<n>``
webhook                    ``WEBHOOK#<id>``              ``META``
trace                      ``TRACE#<id>``                ``META``
tags, metadata, previews   ``TRACE#<id>``                ``INFO``
assessments of a trace     ``TRACE#<id>``                ``ASSESS``
long text of these         ``TRACE#<id>``                ``MORE#<name>``
spans of a batch: whole    ``SPANS#<trace id>``          ``B#<batch>#<n>``
spans of a batch: digests  ``SPANS#<trace id>``          ``D#<batch>#<n>``
link of two entities       ``LINKS#<type>#<id>``         ``<other type>#<other id>``
configuration              ``CONFIG``                    ``<name>``
heartbeat                  ``HEARTBEAT``                 ``HEARTBEAT``
posting (projection)       ``FTS#…#<trigram>``          ``<entity id>``
posting of a lasting text  ``FTSONCE#…#<trigram>``      ``<time, inverted>#<id>``
which postings there are   ``FTSMARK#<kind>#<id>``       ``<field>``
what expires, or has       ``EXPIRED#<kind>#<id>``       ``META``
=========================  ============================  =====================================

A key part holds no ``#``: it is percent-escaped, and hashed where it is too long for DynamoDB
(PK 2,048 bytes, SK 1,024 bytes); an item under a hashed part keeps the real name in ``k``.
A value too large for one item goes on under ``<SK>#+<generation>#<n>``.
"""

from __future__ import annotations

import hashlib
from typing import Final

META: Final = "META"
CONFIG: Final = "CONFIG"
NAME: Final = "NAME"
POSTING_MARK: Final = "FTSMARK#"
SUMMARY: Final = "SUMMARY"

GSI1: Final = "GSI1"
GSI2: Final = "GSI2"

DELETED_RUNS: Final = "DELETED#RUNS"
DELETED_MODELS: Final = "DELETED#MODELS"
EXPIRING: Final = "EXPIRING"
EXPIRED_RUNS: Final = "EXPIRED#RUNS"
EXPIRED_MODELS: Final = "EXPIRED#MODELS"
DELETED_REGISTERED_MODELS: Final = "DELETED#RM"

VERSIONS: Final = "VERSION#"
INFO: Final = "INFO"
ASSESS: Final = "ASSESS"
MORE: Final = "MORE#"
BODIES: Final = "B#"
DIGESTS: Final = "D#"
WEBHOOK: Final = "WEBHOOK"
LAST_VERSION_NUMBER: Final = 10**10 - 1

_MAX_PART_BYTES: Final = 900
_MAX_SORT_KEY_BYTES: Final = 1024
_DIGEST_CHARACTERS: Final = 64
_VALUE_START_BYTES: Final = 200
_HASH_MARK: Final = "%~"
_TIME_ORIGIN: Final = 2**63 - 1

DEFAULT_TRACE_SHARDS: Final = 4
"""Over how many listings an experiment spreads its traces where its META has no number."""

Key = tuple[str, str]

HEARTBEAT_KEY: Final[Key] = ("HEARTBEAT", "HEARTBEAT")


def part(text: str) -> str:
    """Return ``text`` as a key part: without ``#``, at most 900 bytes of UTF-8.

    Longer text becomes a hash (``is_hashed``), and the item must then keep the text itself.
    """
    try:
        special = "%" in text or "#" in text
    except TypeError:
        # An id such as 5 or None: an entity can only be found by its text.
        return part(str(text))
    escaped = text.replace("%", "%25").replace("#", "%23") if special else text
    if len(escaped) * 4 <= _MAX_PART_BYTES:
        return escaped
    if len(escaped.encode("utf-8", "surrogatepass")) <= _MAX_PART_BYTES:
        return escaped
    return _HASH_MARK + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def unpart(escaped: str) -> str:
    """The inverse of ``part`` for a part that is not hashed."""
    if "%" not in escaped:
        return escaped
    return escaped.replace("%23", "#").replace("%25", "%")


def is_hashed(escaped: str) -> bool:
    """Whether ``part`` had to replace the text by its hash."""
    return escaped.startswith(_HASH_MARK)


# Partition keys


def experiment_pk(experiment_id: str) -> str:
    return f"EXP#{experiment_id}"


def run_pk(run_id: str) -> str:
    return f"RUN#{part(run_id)}"


def history_pk(run_id: str) -> str:
    return f"HIST#{part(run_id)}"


def model_pk(model_id: str) -> str:
    return f"LM#{part(model_id)}"


def named_pk(kind: str, key: str) -> str:
    """The partition of a named thing with versions, of one kind (``RM``)."""
    return f"{kind}#{key}"


def registered_model_pk(model_key: str) -> str:
    return named_pk("RM", model_key)


def registered_model_key(workspace: str, name: str) -> str:
    """The key (32 hex digits) that the first registered model of a name gets.

    A model keeps its key when it is renamed, so that a later one of the same name has another.
    """
    return _digest(workspace, name)


def webhook_pk(webhook_id: str) -> str:
    return f"{WEBHOOK}#{part(webhook_id)}"


def trace_pk(trace_id: str) -> str:
    return f"TRACE#{part(trace_id)}"


def spans_pk(trace_id: str) -> str:
    return f"SPANS#{part(trace_id)}"


def links_pk(kind: str, entity_id: str) -> str:
    """The links of one entity (``trace``, ``run``, ``prompt_version``) to others, one an item."""
    return f"LINKS#{kind}#{part(entity_id)}"


def dataset_pk(dataset_hash: str) -> str:
    return f"DATASET#{dataset_hash}"


def name_pk(workspace: str, kind: str, name: str) -> str:
    """The claim of ``name`` among the entities of one kind (``EXP``, ``RM``) in a workspace."""
    return f"NAME#{workspace}#{kind}#{_claimed(name)}"


def _claimed(name: str) -> str:
    # Names have up to 500 characters of 4 bytes, which fits a partition key beside its prefix.
    return part(name)


def posting_pk(scope: str, kind: str, field: str, trigram: str) -> str:
    """The partition of the entities of one kind whose text in a field has this trigram.

    The scope is an experiment id for runs, a workspace for what belongs to none. The sort keys
    are entity ids, as they stand in the entities' own partition keys. Under the trigram ``""`` are
    the entities whose text is too long for trigrams: it may match any pattern.
    """
    return f"FTS#{part(scope)}#{kind}#{field}#{part(trigram)}"


def written_once_pk(scope: str, kind: str, field: str, bucket: str, trigram: str) -> str:
    """The partition of the entities of one kind, of a bucket of time, whose text in a field has
    this trigram and never changes; sort keys are ``newest_first``."""
    return f"FTSONCE#{part(scope)}#{kind}#{field}#{bucket}#{part(trigram)}"


def posting_mark_pk(kind: str, entity_id_part: str) -> str:
    """Where an entity's marks are: by field, which postings it has; takes the id as a key part."""
    return f"{POSTING_MARK}{kind}#{entity_id_part}"


def summary_pk(run_id_part: str) -> str:
    """The summary of an ended run (a projection); takes the id as a key part."""
    return f"SUMMARY#{run_id_part}"


def expiry_pk(entity_pk: str) -> str:
    """The record of an entity's expiry, and then its tombstone; takes its partition key."""
    return f"EXPIRED#{entity_pk}"


# Sort keys


def tag_sk(key: str) -> str:
    return f"TAG#{part(key)}"


def param_sk(key: str) -> str:
    return f"PARAM#{part(key)}"


def metric_sk(key: str) -> str:
    return f"METRIC#{part(key)}"


def dataset_sk(dataset_hash: str) -> str:
    return f"DATASET#{dataset_hash}"


def dataset_context_sk(dataset_hash: str, context: str) -> str:
    return f"DATASET#{dataset_hash}#CTX#{part(context)}"


def dataset_input_sk(dataset_hash: str) -> str:
    return f"INPUT#DATASET#{dataset_hash}"


def model_input_sk(model_id: str) -> str:
    return f"INPUT#MODEL#{part(model_id)}"


def model_output_sk(model_id: str) -> str:
    return f"OUTPUT#{part(model_id)}"


def model_metrics_marker_sk(model_id: str) -> str:
    return f"MODEL#{part(model_id)}"


def more_sk(name: str) -> str:
    """An attribute of a trace that is too long for the item that holds its like."""
    return f"{MORE}{part(name)}"


def body_sk(batch: str, n: int) -> str:
    """The n-th part of the spans of a batch (16 hex digits)."""
    return f"{BODIES}{batch}#{n:04d}"


def digest_sk(batch: str, n: int) -> str:
    """The n-th part of the digests of a batch's spans."""
    return f"{DIGESTS}{batch}#{n:04d}"


def link_sk(kind: str, entity_id: str) -> str:
    return f"{kind}#{part(entity_id)}"


def dataset_hash(experiment_id: str, name: str, digest: str) -> str:
    """The identity of a dataset: 32 hex digits of its experiment, name and digest."""
    return _digest(experiment_id, name, digest)


def _digest(*identity: str) -> str:
    joined = "\0".join(identity)
    return hashlib.sha256(joined.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def version_sk(number: int) -> str:
    """The version of a registered model, from 1 to ``LAST_VERSION_NUMBER``, in number order."""
    return f"{VERSIONS}{number:010d}"


def text_sk(text_id: str, n: int) -> str:
    """The n-th part of a text that is too long for the item that names its id."""
    return f"TEXT#{text_id}#{n:04d}"


# Listings (GSI1) and lookups (GSI2)


def experiments_listing(workspace: str) -> str:
    return f"EXPERIMENTS#{workspace}"


def runs_listing(experiment_id: str, shard: int) -> str:
    return f"EXP#{experiment_id}#RUNS#{shard}"


def traces_listing(experiment_id: str, shard: int) -> str:
    return f"EXP#{experiment_id}#TRACES#{shard}"


def session_lookup(experiment_id: str, session: str) -> str:
    """The traces of a session; sort keys are ``newest_first``."""
    return f"SESSION#{experiment_id}#{part(session)}"


def models_listing(experiment_id: str) -> str:
    return f"EXP#{experiment_id}#MODELS"


def expiring_listing(experiment_id: str) -> str:
    """The records of an experiment's runs that expire by themselves."""
    return f"EXP#{experiment_id}#EXPIRING"


def registered_models_listing(workspace: str) -> str:
    """The registered models that are no prompts, by name."""
    return f"REGISTERED_MODELS#{workspace}"


def prompts_listing(workspace: str) -> str:
    """The registered models that are prompts, by name."""
    return f"PROMPTS#{workspace}"


def name_listed(name: str) -> str:
    """A sort key that lists by name; names beyond 1,024 bytes by their beginning, then a hash."""
    encoded = name.encode("utf-8", "surrogatepass")
    if len(encoded) <= _MAX_SORT_KEY_BYTES:
        return name
    return name_beginning(name) + hashlib.sha256(encoded).hexdigest()


def name_beginning(name: str) -> str:
    """As much of a name as ``name_listed`` surely begins with, which is nearly always all of it.

    Names that begin alike stand together in a listing, but those that are long in no order.
    """
    return _start(name, _MAX_SORT_KEY_BYTES - _DIGEST_CHARACTERS)


def renamed_models_lookup(workspace: str) -> str:
    """The registered models that were renamed, those last renamed first: sort keys are
    ``newest_first``."""
    return f"{workspace}#RM#RENAMED"


def versions_listing(workspace: str) -> str:
    """The model versions of a workspace, those that were updated last first."""
    return f"MODEL_VERSIONS#{workspace}"


def version_listed(updated_ms: int, model_key: str, number: int) -> str:
    """The sort key of a version in its listing; of one model's the highest number first."""
    return newest_first(updated_ms, f"{model_key}#{LAST_VERSION_NUMBER - number:010d}")


def run_versions_lookup(run_id: str) -> str:
    """The model versions that a run has made; sort keys are ``version_of_run``."""
    return f"RUN#{part(run_id)}#VERSIONS"


def version_of_run(model_key: str, number: int) -> str:
    return f"{model_key}#{number:010d}"


def model_tag_lookup(workspace: str, tag_key: str) -> str:
    """The registered models that have a tag; sort keys are ``tag_value_listed``."""
    return f"{workspace}#RM#TAG#{part(tag_key)}"


def tag_value_listed(value: str | None, model_key: str) -> str:
    """The sort key of a model among those that have a tag: ``tag_value_start``, then its key."""
    return f"{tag_value_start(value)}#{model_key}"


def tag_value_start(value: str | None) -> str:
    """As much of a tag's value as is looked up by: at most 200 bytes of UTF-8."""
    return _start(value or "", _VALUE_START_BYTES)


def _start(text: str, size: int) -> str:
    if len(text) * 4 <= size:
        return text
    return text.encode("utf-8", "surrogatepass")[:size].decode("utf-8", "ignore")


def webhooks_listing(workspace: str) -> str:
    return f"WEBHOOKS#{workspace}"


def outside_default_workspace(kind: str) -> str:
    """The entities of one kind (``RM``, ``WEBHOOK``) in other workspaces than the default one; a
    sort key is the workspace, ``#``, and what the entity is called."""
    return f"WORKSPACES#{kind}"


def newest_first(time_ms: int, entity_id: str) -> str:
    """A sort key that puts the latest time first and breaks ties by the id, ascending."""
    return f"{_TIME_ORIGIN - time_ms:020d}#{entity_id}"


def parse_newest_first(sort_key: str) -> tuple[int, str]:
    """The inverse of ``newest_first``: (time in ms, entity id)."""
    inverted, _, entity_id = sort_key.partition("#")
    return _TIME_ORIGIN - int(inverted), entity_id


def oldest_first(time_ms: int, entity_id: str) -> str:
    """A sort key that puts the earliest (non-negative) time first."""
    return f"{time_ms:020d}#{entity_id}"


def padded_id(numeric_id: str) -> str:
    """A numeric id so that text order is number order (19 digits hold any 64-bit id)."""
    return numeric_id.zfill(19)
