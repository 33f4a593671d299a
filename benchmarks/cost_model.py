"""What a month on AWS costs, from what a team does, what that takes, and AWS's prices."""

from __future__ import annotations

from dataclasses import dataclass

DAYS_A_MONTH = 21
HOURS_A_DAY = 10
RECORDS_A_CALL = 200
MEMORY_GB = 0.5
CALL_SECONDS = 0.1
ALARMS = 10
CUSTOM_METRICS = 20
HEARTBEATS_A_MONTH = 12 * 24 * 30


@dataclass(frozen=True, slots=True)
class Prices:
    """US dollars, US East (N. Virginia), on demand, as AWS publishes them: DynamoDB standard
    tables since November 2024, Lambda on Arm, SQS, CloudWatch. Look them up before you rely on
    them: https://aws.amazon.com/dynamodb/pricing/on-demand/ and its likes."""

    million_write_units: float = 0.625
    million_read_units: float = 0.125
    gb_month: float = 0.25
    free_gb: float = 25
    backup_gb_month: float = 0.20
    million_calls: float = 0.20
    gb_second: float = 0.0000133334
    alarm: float = 0.10
    metric: float = 0.30


@dataclass(frozen=True, slots=True)
class Team:
    """How many people, and what each of them does on a working day."""

    people: int
    runs: int = 20
    run_lists: int = 50
    run_pages: int = 40
    charts: int = 200

    def a_month(self, number: int) -> int:
        """How often the whole team does in a month what each does so often a day."""
        return self.people * number * DAYS_A_MONTH


@dataclass(frozen=True, slots=True)
class Taken:
    """What something takes, once: units of the store and of the functions, changes that the
    stream carries (those of ``META`` items apart), and bytes that stay."""

    write_units: float = 0.0
    read_units: float = 0.0
    changes: int = 0
    meta_changes: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Measured:
    """What each thing that a team does takes."""

    run: Taken
    run_list: Taken
    run_page: Taken
    chart: Taken


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the bill: how much of what, at which price, is how many dollars."""

    what: str
    amount: str
    price: str
    dollars: float


def bill(team: Team, measured: Measured, prices: Prices) -> list[Line]:
    """A month of a team, with what it keeps after a year."""
    runs = team.a_month(team.runs)
    write_units = runs * measured.run.write_units
    read_units = (
        runs * measured.run.read_units
        + team.a_month(team.run_lists) * measured.run_list.read_units
        + team.a_month(team.run_pages) * measured.run_page.read_units
        + team.a_month(team.charts) * measured.chart.read_units
    )
    stored_gb = runs * 12 * measured.run.bytes / 1e9
    calls = (
        _calls(runs * measured.run.changes)
        + _calls(runs * measured.run.meta_changes)
        + HEARTBEATS_A_MONTH
    )
    gb_seconds = calls * CALL_SECONDS * MEMORY_GB
    return [
        Line(
            "writes",
            f"{write_units / 1e6:,.1f} million units",
            f"${prices.million_write_units} a million",
            write_units / 1e6 * prices.million_write_units,
        ),
        Line(
            "reads",
            f"{read_units / 1e6:,.1f} million units",
            f"${prices.million_read_units} a million",
            read_units / 1e6 * prices.million_read_units,
        ),
        Line(
            "storage after a year",
            f"{stored_gb:,.1f} GB",
            f"${prices.gb_month} a GB beyond {prices.free_gb} GB",
            max(0.0, stored_gb - prices.free_gb) * prices.gb_month,
        ),
        Line(
            "point-in-time recovery",
            f"{stored_gb:,.1f} GB",
            f"${prices.backup_gb_month:.2f} a GB",
            stored_gb * prices.backup_gb_month,
        ),
        Line("streams, read by Lambda", "every change", "free", 0.0),
        Line(
            "Lambda, calls",
            f"{calls / 1e6:,.2f} million",
            f"${prices.million_calls:.2f} a million",
            calls / 1e6 * prices.million_calls,
        ),
        Line(
            "Lambda, time",
            f"{gb_seconds:,.0f} GB-seconds",
            f"${prices.gb_second:.10f}",
            gb_seconds * prices.gb_second,
        ),
        Line("SQS", "idle polls of an empty queue", "first million a month free", 0.0),
        Line(
            "CloudWatch",
            f"{ALARMS} alarms, {CUSTOM_METRICS} metrics",
            f"${prices.alarm:.2f}, ${prices.metric:.2f} each",
            ALARMS * prices.alarm + CUSTOM_METRICS * prices.metric,
        ),
    ]


def _calls(changes: float) -> float:
    """How often a function is called: with what came in a second, or with 200 changes."""
    seconds = DAYS_A_MONTH * HOURS_A_DAY * 3600
    return min(changes, max(seconds, changes / RECORDS_A_CALL))
