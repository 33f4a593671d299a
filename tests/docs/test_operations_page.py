"""docs/operations.md: what of it a default run can check (tests/deployed walks its commands)."""

from __future__ import annotations

import json

from dynamodbstore_table.schema import table_definition

from tests.docs import markdown


def test_the_table_of_an_import_is_the_one_that_the_code_creates() -> None:
    page = markdown.section("docs/operations.md", "## The table is restored")
    start = page.index('{"TableName": "$NEW"')
    described = json.loads(page[start : page.index("\nTABLE\n", start)])

    created = table_definition("$NEW")

    for name in ("BillingMode", "KeySchema", "GlobalSecondaryIndexes"):
        assert described[name] == created[name], name
    assert sorted(described["AttributeDefinitions"], key=str) == sorted(
        created["AttributeDefinitions"], key=str
    )
