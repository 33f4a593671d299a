"""mypy finds a misspelled attribute in a part of a store."""

from __future__ import annotations

from pathlib import Path

import pytest
from mypy import api

ROOT = Path(__file__).parents[2]
PARAMS = ROOT / "store" / "mlflow_dynamodbstore" / "runs" / "params.py"


def errors_in(source: str, folder: Path) -> str:
    """What mypy reports of a file, by the project's settings."""
    file = folder / "snippet.py"
    file.write_text(source)
    settings = ["--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", str(folder / "cache")]
    report, _, _ = api.run([*settings, "--follow-imports", "silent", str(file)])
    return report


@pytest.mark.e2e
def test_a_misspelled_attribute_of_a_part_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    source = PARAMS.read_text()
    misspelled = source.replace("self._runs.require_active(", "self._runs.require_activ(")
    unknown = source.replace("self._table.write(", "self._tabel.write(")

    assert misspelled != source != unknown
    assert errors_in(source, tmp_path).startswith("Success")
    assert '"RunLookup" has no attribute "require_activ"' in errors_in(misspelled, tmp_path)
    assert '"Params" has no attribute "_tabel"' in errors_in(unknown, tmp_path)
