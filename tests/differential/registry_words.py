"""Names, tags, versions and sources of the registry: few, so that they meet, corners included."""

from __future__ import annotations

from hypothesis import strategies as st
from mlflow.entities.model_registry import ModelVersionTag, RegisteredModelTag
from mlflow.prompt.constants import IS_PROMPT_TAG_KEY

from .words import BAD_KEYS, KEYS, LONG_VALUES, ODD_VALUES, VALUES, rarely, some

NAMES = ("model", "Model", "m_x", "é", "my net")
ODD_NAMES = ("m%", "日本", "😀", "#x", "it's", "m.x", "n" * 600, "a\nb")
BAD_NAMES = ("", " ", None, "a/b", "a:b", "..", ".", "%~")
PROMPTS = ("greeting", "Greeting", "model")
STAGES = ("None", "Staging", "Production", "Archived")
KNOWN_MODEL = "m-" + "1" * 32
RUNS = ("r1", "r2", "R1")
ALIASES = ("champion", "Champion", "a-b", "é")
IS_PROMPT = IS_PROMPT_TAG_KEY

names = rarely(rarely(st.sampled_from(NAMES), *ODD_NAMES), *BAD_NAMES)
good_names = st.sampled_from(NAMES)
prompt_names = st.sampled_from(PROMPTS)
versions = rarely(rarely(st.sampled_from((1, 2, 3)), "1", "2", 4, 0), "x", "", -1, "1.0", 2**70)
good_versions = st.sampled_from((1, 2, 3))
stages = rarely(st.sampled_from(STAGES), "staging", "PRODUCTION", "nowhere", "", "Deleted_Internal")
aliases = rarely(
    st.sampled_from(ALIASES), *("", None, "latest", "Latest", "v1", "V22", "a b", "a/b", "a" * 256)
)
descriptions = rarely(st.sampled_from((None, "", "text", "é")), "long " * 20_000)
tag_keys = rarely(st.sampled_from(KEYS[:4]), IS_PROMPT, *KEYS[4:], *BAD_KEYS)
tag_values = rarely(
    st.sampled_from((*VALUES, "true", "false", "True")),
    *(None, 7, "x" * 100_000, "x" * 100_001, *LONG_VALUES, *ODD_VALUES),
)
texts = st.sampled_from(VALUES)
model_tags = st.builds(RegisteredModelTag, tag_keys, rarely(texts, *ODD_VALUES, None, "true"))
version_tags = st.builds(ModelVersionTag, tag_keys, rarely(texts, *ODD_VALUES, None, "true"))
some_model_tags = st.none() | some(model_tags, 3)
some_version_tags = st.none() | some(version_tags, 3)
sources = rarely(
    st.sampled_from(("s3://b/m", "runs:/r1/model", "/data/m", "S3://b/m", "file:///m")),
    *("", None, f"models:/{KNOWN_MODEL}", "models:/m-unknown", "models:/model/1"),
    *("models:/nothing/1", "models:/model@champion", "models:/", "s3://b/" + "x" * 600),
)
run_ids = rarely(st.sampled_from(RUNS), None, "", "r" * 33)
