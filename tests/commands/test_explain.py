"""``mlflow-dynamodbstore explain``: the plan of a search, printed."""

from __future__ import annotations

from mlflow_dynamodbstore.stores.tracking import DynamoTrackingStore

from tests.commands.cli import DONE, USAGE, run, run_json

Named = tuple[str, str]
FILTER = "tags.mlflow.runName LIKE '%lion%'"


def test_says_what_is_read_filtered_and_in_which_order(
    store: DynamoTrackingStore, named: Named
) -> None:
    shown = run("explain", "attributes.status = 'FINISHED'", *named)

    assert shown.exit_code == DONE
    assert "EXP#0#RUNS#0" in shown.output
    assert "table filters: status = 'FINISHED'" in shown.output
    assert "order: the listing's, newest first" in shown.output


def test_goes_by_what_is_built(store: DynamoTrackingStore, named: Named) -> None:
    before = run_json("explain", FILTER, *named)["plan"]
    run("replay", *named)
    after = run_json("explain", FILTER, *named)["plan"]

    assert any("from items TAG#mlflow.runName" in line for line in before)
    assert any("postings of name" in line for line in after)


def test_takes_orders_views_and_experiments(store: DynamoTrackingStore, named: Named) -> None:
    other = store.create_experiment("other")
    options = ("--order-by", "metrics.loss DESC", "--view", "all", "--max-results", "7")

    shown = run("explain", *named, *options, "--experiment-id", "0", "--experiment-id", other)

    assert f"EXP#{other}#RUNS#0" in shown.output
    assert "every candidate is collected" in shown.output
    assert "page: 7 runs" in shown.output


def test_names_an_experiment_that_is_not_there(store: DynamoTrackingStore, named: Named) -> None:
    assert "no such experiment: 42" in run("explain", *named, "--experiment-id", "42").output


class TestOfExperiments:
    ASKED = "--search", "experiments"

    def test_a_listing_is_read_in_its_order(self, store: DynamoTrackingStore, named: Named) -> None:
        planned = run_json("explain", *self.ASKED, "--view", "all", *named)["plan"]

        assert planned == [
            "candidates: 1 listing(s) of experiments, read newest first, then id ascending",
            "  EXPERIMENTS#default",
            "order: the listing's, newest first, then id ascending; "
            "reading stops when the page is full",
            "page: 1000 experiments; each experiment is then read with its tags",
        ]

    def test_a_view_is_the_tables_to_filter(self, store: DynamoTrackingStore, named: Named) -> None:
        planned = run_json("explain", *self.ASKED, "--view", "deleted", *named)["plan"]

        assert "where" in planned[1]
        assert "deleted" in planned[1]

    def test_another_order_reads_all(self, store: DynamoTrackingStore, named: Named) -> None:
        planned = run_json("explain", *self.ASKED, "--order-by", "name DESC", *named)["plan"]

        assert planned[0].startswith("candidates: 1 listing(s) of experiments, read")
        assert planned[2].startswith("order: name DESC")
        assert "every candidate is collected, then sorted" in planned[2]

    def test_ids_are_read_by_key(self, store: DynamoTrackingStore, named: Named) -> None:
        asked = "experiment_id IN ('0', '7') AND name != 'x'"

        planned = run_json("explain", asked, *self.ASKED, *named)["plan"]

        assert planned[:2] == [
            "candidates: 2 experiments by id",
            "from META items: experiment_id IN (0, 7); name != 'x'",
        ]

    def test_goes_by_what_is_built(self, store: DynamoTrackingStore, named: Named) -> None:
        asked = "name LIKE '%lion%' AND tags.`mlflow.note` = 'x' AND tags.team IS NOT NULL"

        before = run_json("explain", asked, *self.ASKED, *named)["plan"]
        run("replay", *named)
        after = run_json("explain", asked, *self.ASKED, *named)["plan"]

        on_note, on_team = "tags.mlflow.note = 'x'", "tags.team IS NOT NULL"
        items = "from items TAG#mlflow.note, TAG#team, read of each candidate"
        assert f"{items}: {on_note}; {on_team}" in before
        assert after[0].startswith("candidates: experiments by postings of name, in ")
        assert f"from META items that have the tag, else from its item: {on_note}" in after
        assert f"from items TAG#team, read of each candidate: {on_team}" in after

    def test_what_can_not_be_asked_is_wrong_usage(
        self, store: DynamoTrackingStore, named: Named
    ) -> None:
        for wrong in (("name > 3",), ("--max-results", "0"), ("--experiment-id", "0")):
            assert run("explain", *wrong, *self.ASKED, *named).exit_code == USAGE


class TestOfLoggedModels:
    ASKED = "--search", "logged-models"

    def test_a_listing_is_read_in_its_order(self, store: DynamoTrackingStore, named: Named) -> None:
        planned = run_json("explain", *self.ASKED, *named)["plan"]

        assert planned == [
            "candidates: 1 listing(s) of logged models, read newest first, then id ascending",
            "  EXP#0#MODELS where Not(condition=Compare(name='stage', op='=', value='deleted'))",
            "order: the listing's, newest first, then id ascending; "
            "reading stops when the page is full",
            "page: 100 logged models; each model is then read whole",
        ]

    def test_what_the_filter_reads_is_named(self, store: DynamoTrackingStore, named: Named) -> None:
        asked = "name = 'm' AND status = '2' AND tags.team = 'red' AND metrics.`a b` > 0.5"

        planned = run_json("explain", asked, *self.ASKED, *named)["plan"]

        assert "from META items: name = 'm'; status = '2'" in planned
        texts = [line for line in planned if "TAG#team" in line]
        assert texts in (
            ["from items TAG#team, joined to the listing: tags.team = 'red'"],
            ["from items TAG#team, read of each candidate: tags.team = 'red'"],
        )
        assert any("METRIC#a b#…, read of each candidate" in line for line in planned)

    def test_another_order_collects_every_candidate(
        self, store: DynamoTrackingStore, named: Named
    ) -> None:
        order = "--order-by", "metrics.acc DESC", "--order-by", "name"

        planned = run_json("explain", *self.ASKED, *order, "--max-results", "7", *named)["plan"]

        assert planned[2:] == [
            "order: metrics.acc DESC, name, creation_timestamp_ms DESC, model_id; "
            "every candidate is collected, then sorted",
            "sorted by items METRIC#acc#…, read of each that passes",
            "page: 7 logged models; each model is then read whole",
        ]

    def test_an_experiment_that_is_not_there_is_named(
        self, store: DynamoTrackingStore, named: Named
    ) -> None:
        options = "--experiment-id", "42", "--experiment-id", "0"

        said = run_json("explain", *self.ASKED, *options, *named)

        assert said["missing_experiments"] == ["42"]
        assert "  EXP#42#MODELS" in said["plan"][1]

    def test_a_page_of_none_reads_nothing(self, store: DynamoTrackingStore, named: Named) -> None:
        assert run_json("explain", *self.ASKED, "--max-results", "-1", *named)["plan"] == [
            "nothing is read: the page has room for -1 logged models"
        ]

    def test_what_can_not_be_asked_is_wrong_usage(
        self, store: DynamoTrackingStore, named: Named
    ) -> None:
        for wrong in (("nope = 3",), ("--order-by", "tags.a"), ("--view", "all")):
            assert run("explain", *wrong, *self.ASKED, *named).exit_code == USAGE


def test_a_filter_that_can_not_be_read_is_wrong_usage(
    store: DynamoTrackingStore, named: Named
) -> None:
    done = run("explain", "lions and tigers", *named)

    assert done.exit_code == USAGE
    assert "Error: Invalid clause" in done.stderr
