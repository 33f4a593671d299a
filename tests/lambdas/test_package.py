"""template.yaml is valid, and builds to packages that are small and whole, without Docker."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lambdas.sam import run_sam
from tests.lambdas.template import FUNCTIONS, ROOT, properties

pytestmark = pytest.mark.e2e

MOST_BYTES = 10_000_000
RUNTIME_HAS = ("boto3", "botocore", "s3transfer", "dateutil", "six", "urllib3")


@pytest.fixture(scope="module")
def built(built_template: Path) -> Path:
    """The folder with a folder of each function's package."""
    return built_template.parent


def test_the_template_passes_the_linter() -> None:
    output = run_sam("validate", "--lint", "--template", ROOT / "template.yaml")

    assert "valid SAM Template" in output


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_package_stays_under_ten_megabytes(built: Path, function: str) -> None:
    files = [file for file in (built / function).rglob("*") if file.is_file()]

    assert files
    assert sum(file.stat().st_size for file in files) < MOST_BYTES


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_package_runs_on_any_processor(built: Path, function: str) -> None:
    assert list((built / function).rglob("*.so")) == []


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_package_needs_nothing_but_what_the_runtime_has(
    built: Path, function: str, tmp_path: Path
) -> None:
    for package in RUNTIME_HAS:
        module = importlib.import_module(package)
        assert module.__file__ is not None
        found = Path(module.__file__)
        (tmp_path / (found.name if found.stem == package else package)).symlink_to(
            found if found.stem == package else found.parent
        )
    handler = properties(function)["Handler"].rpartition(".")[0]
    script = (
        f"import sys; sys.path += [{str(built / function)!r}, {str(tmp_path)!r}]; "
        f"import {handler}, boto3; print(*sys.modules)"
    )

    # -I and -S leave out everything that is installed beside the standard library.
    run = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, check=False
    )

    assert run.returncode == 0, run.stderr
    assert {"sqlite3", "orjson", "mlflow"}.isdisjoint(run.stdout.split())
