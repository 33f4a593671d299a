"""What every engine must do: the cases that each engine's test class inherits."""

from __future__ import annotations

from tests.table.contract_advances import AdvanceContract
from tests.table.contract_bulk import BulkContract
from tests.table.contract_conditions import ConditionContract
from tests.table.contract_expiry import ExpiryContract
from tests.table.contract_limits import LimitContract
from tests.table.contract_listings import IndexContract, ListingContract, ScanContract
from tests.table.contract_pages import PageContract
from tests.table.contract_reads import ReadContract
from tests.table.contract_writes import (
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
