"""``mlflow-dynamodbstore explain``: the plan of a search, printed."""

from __future__ import annotations

from mlflow_dynamodbstore.tracking.store import DynamoTrackingStore

from tests.commands.cli import DONE, USAGE, run, run_json

Named = tuple[str, str]
FILTER = "tags.mlflow.runName LIKE '%lion%'"


def test_says_what_is_read_filtered_and_in_which_order(
    store: DynamoTrackingStore, named: Named
) -> None:
    shown = run("explain", "attributes.status = 'FINISHED'", *named)

    assert shown.exit_code == DONE
    assert "EXP#0#RUNS#0" in shown.output
    assert "table filters: attributes.status = 'FINISHED'" in shown.output
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


def test_a_filter_that_can_not_be_read_is_wrong_usage(
    store: DynamoTrackingStore, named: Named
) -> None:
    done = run("explain", "lions and tigers", *named)

    assert done.exit_code == USAGE
    assert "Error: Invalid clause" in done.stderr
