"""``mlflow-dynamodbstore explain``: the plan of a search of the registry, printed."""

from __future__ import annotations

import pytest
from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

from tests.commands.cli import USAGE, Named, run, run_json

MODELS = "--search", "registered-models"
VERSIONS = "--search", "model-versions"


def lines(*arguments: str) -> list[str]:
    found: list[str] = run_json("explain", *arguments)["plan"]
    return found


@pytest.fixture(autouse=True)
def _created(store: DynamoTrackingStore) -> None:
    """The table is there."""


class TestOfRegisteredModels:
    def test_a_listing_is_read_in_the_order_of_names(self, named: Named) -> None:
        assert lines(*MODELS, *named) == [
            "candidates: models, read by name ascending",
            "  REGISTERED_MODELS#default",
            "prompts are left out",
            "order: the listing's, name; reading stops when the page is full",
            "page: 100 models; each model is then read with its versions",
        ]

    def test_another_order_collects_every_candidate(self, named: Named) -> None:
        order = "--order-by", "last_updated_timestamp DESC"

        assert (
            "order: last_updated_timestamp DESC, name; every candidate is collected, then sorted"
        ) in lines(*MODELS, *named, *order)

    def test_names_in_the_filter_are_read_by_key(self, named: Named) -> None:
        planned = lines("name IN ('lion', 'puma')", *MODELS, *named)

        assert "candidates: models with 2 name(s)" in planned
        assert not any("REGISTERED_MODELS" in line for line in planned)

    def test_a_tag_is_looked_up(self, named: Named) -> None:
        planned = lines("name LIKE 'li%' AND tags.team = 'red'", *MODELS, *named)

        assert planned[0].startswith("candidates: models by the lookup of tags.team = 'red'")
        assert "read by name ascending, those that begin with 'li'" in planned[1]
        assert "table filters: name LIKE 'li%'; tags.team = 'red'" in planned
        assert "from META items: tags.team = 'red'" in planned

    def test_postings_narrow_where_they_are_built(self, named: Named) -> None:
        asked = "name LIKE '%lion%'", *MODELS, *named

        before = lines(*asked)
        run("replay", "--projection", "fts", *named)
        after = lines(*asked)

        assert not any("postings" in line for line in before)
        assert after[0].startswith("candidates: models by postings of name, in ")
        assert set(before) < set(after)

    def test_a_page_of_none_reads_nothing(self, named: Named) -> None:
        assert lines(*MODELS, *named, "--max-results", "0") == [
            "nothing is read: the page has room for 0 models"
        ]


class TestOfModelVersions:
    def test_a_listing_is_read_in_the_order_of_updates(self, named: Named) -> None:
        planned = lines(*VERSIONS, *named)

        assert planned[0] == "candidates: versions, read by last update, newest first"
        assert planned[1].startswith("  MODEL_VERSIONS#default where ")
        assert planned[2] == "prompts are left out"
        assert planned[3].endswith("; reading stops when the page is full")
        assert planned[4] == "page: 10000 versions; long texts of these are then read"

    def test_models_are_read_in_the_order_of_names(self, named: Named) -> None:
        asked = "name LIKE 'li%'", *VERSIONS, *named, "--order-by", "name DESC"

        planned = lines(*asked)

        assert planned[:3] == [
            "candidates: versions of models, read by name descending, those that begin with 'li'",
            "  REGISTERED_MODELS#default",
            "  PROMPTS#default",
        ]
        assert planned[-2] == (
            "order: the listing's, name DESC, version_number DESC; "
            "reading stops when the page is full"
        )

    def test_another_order_reads_all(self, named: Named) -> None:
        planned = lines(*VERSIONS, *named, "--order-by", "version_number")

        assert planned[0] == "candidates: versions, all read"
        assert planned[2:5] == [
            "with 1,000 versions or more, models, all read",
            "  REGISTERED_MODELS#default",
            "  PROMPTS#default",
        ]
        assert "order: version_number, name; every candidate is collected, then sorted" in planned

    def test_another_order_of_what_few_have_reads_their_models(self, named: Named) -> None:
        planned = lines("tags.team = 'a'", *VERSIONS, *named, "--order-by", "version_number")

        assert planned[0] == "candidates: versions, all read"
        assert not any("REGISTERED_MODELS" in line for line in planned)

    def test_runs_are_looked_up(self, named: Named) -> None:
        planned = lines("run_id = 'a' AND version_number > 3", *VERSIONS, *named)

        assert planned[0] == "candidates: versions of 1 run(s), by a lookup of each"
        assert not any("MODEL_VERSIONS" in line for line in planned)

    def test_of_named_models_only_the_numbers_that_can_pass_are_read(self, named: Named) -> None:
        asked = "name = 'lion' AND version_number > 3", *VERSIONS, *named

        assert lines(*asked)[:2] == [
            "candidates: versions of models with 1 name(s)",
            "  VERSION#0000000004 to VERSION#9999999999",
        ]

    def test_numbers_that_exclude_each_other_leave_none(self, named: Named) -> None:
        asked = "name = 'lion' AND version_number > 3 AND version_number < 2", *VERSIONS, *named

        assert lines(*asked)[1] == "  no version: the numbers exclude each other"

    def test_postings_narrow_where_they_are_built(self, named: Named) -> None:
        run("replay", "--projection", "fts", *named)

        planned = lines("name LIKE '%lion%'", *VERSIONS, *named)

        assert planned[0].startswith("candidates: versions of models by postings of name, in ")
        assert planned[1] == "candidates: versions, read by last update, newest first"

    def test_a_prompt_that_is_asked_for_is_not_left_out(self, named: Named) -> None:
        asked = "tags.`mlflow.prompt.is_prompt` = 'true'", *VERSIONS, *named

        assert "prompts are left out" not in lines(*asked)


class TestOfWebhooks:
    WEBHOOKS = "--search", "webhooks"

    def test_explain_shows_the_listing_and_the_filter(self, named: Named) -> None:
        planned = lines("registered_model.created", *self.WEBHOOKS, *named)

        assert planned[0] == (
            "candidates: 1 listing(s) of webhooks, read newest first, then id ascending"
        )
        assert planned[1].startswith("  WEBHOOKS#default where Contains(")
        assert "table filters: events HAS 'registered_model.created'" in planned
        assert planned[-1] == "page: 100 webhooks; nothing else is read"

    def test_explain_refuses_an_order(self, named: Named) -> None:
        done = run("explain", *self.WEBHOOKS, "--order-by", "name", *named)

        assert done.exit_code == USAGE
        assert "newest first" in done.stderr


def test_explain_shows_the_shards_of_traces(named: Named) -> None:
    planned = lines("trace.status = 'OK' AND trace.timestamp_ms > 5", "--search", "traces", *named)

    assert planned[0] == "candidates: 4 listing(s) of traces, read newest first, then id ascending"
    assert planned[1].startswith("times: from 6 to ")
    assert "table filters: status = 'OK'" in planned


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("lion > 3", *MODELS), "Error: Invalid"),
        (("name > 'lion'", *VERSIONS), "Error: Invalid comparator"),
        ((*MODELS, "--max-results", "1001"), "at most 1000"),
        ((*VERSIONS, "--max-results", "0"), "positive integer"),
        ((*MODELS, "--order-by", "size"), "Error: Invalid order_by clause 'size'"),
        ((*MODELS, "--view", "all"), "is for a search of runs or experiments, not of registered-"),
        (
            (*VERSIONS, "--experiment-id", "0"),
            "--experiment-id is for a search of runs or logged-models or traces, not of model-",
        ),
    ],
    ids=["filter", "comparator", "too-many", "none", "order", "view", "experiment"],
)
def test_what_can_not_be_asked_is_wrong_usage(
    named: Named, arguments: tuple[str, ...], says: str
) -> None:
    done = run("explain", *arguments, *named)

    assert done.exit_code == USAGE
    assert says in done.stderr
