"""What every engine must do: cases that a test class for an engine inherits.

    class TestMine(TableContract):
        @pytest.fixture(scope="class")
        def new_table(self) -> Iterator[NewTable]: ...

They need pytest, and its plain asserts: call ``pytest.register_assert_rewrite`` with this package's
name before it is imported.
"""

from __future__ import annotations

from dynamodbstore_table.testing.contract.advances import AdvanceContract
from dynamodbstore_table.testing.contract.at_once import AtOnceContract
from dynamodbstore_table.testing.contract.bulk import BulkContract
from dynamodbstore_table.testing.contract.conditions import ConditionContract
from dynamodbstore_table.testing.contract.expiry import ExpiryContract
from dynamodbstore_table.testing.contract.limits import LimitContract
from dynamodbstore_table.testing.contract.listings import (
    IndexContract,
    ListingContract,
    ScanContract,
)
from dynamodbstore_table.testing.contract.pages import PageContract
from dynamodbstore_table.testing.contract.reads import ReadContract
from dynamodbstore_table.testing.contract.writes import (
    EventContract,
    TransactionContract,
    UpdateContract,
    WriteContract,
)


class TableContract(
    ReadContract,
    ListingContract,
    IndexContract,
    ScanContract,
    PageContract,
    AtOnceContract,
    WriteContract,
    UpdateContract,
    TransactionContract,
    EventContract,
    LimitContract,
    BulkContract,
    AdvanceContract,
    ConditionContract,
    ExpiryContract,
):
    """All of the port's contract. A subclass offers the fixture ``new_table``."""
