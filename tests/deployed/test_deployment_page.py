"""docs/deployment.md, walked: its commands in order, in one shell, on the stand-in for AWS.

What is not done: `pip install` (see tests/e2e/test_fresh_clone.py) and Docker. The servers listen
on a port that is free, and the name that people type leads to this machine.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests

from tests.deployed.ministack import OPERATOR, running_ministack
from tests.docs import markdown
from tests.docs.markdown import ROOT
from tests.e2e.mlflow_server import killed_with_all_below, wait_until_it_answers
from tests.engines import free_port
from tests.tools import AWS, SAM, find_tool

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

PAGE = "docs/deployment.md"
HOST = "mlflow.example.com"
_SECONDS = 400
_NOT_HERE = ("pip install", "docker")
_NAME_LEADS_HERE = f"""
import socket
_real = socket.getaddrinfo
def _found(host, *more, **named):
    return _real("127.0.0.1" if host == {HOST!r} else host, *more, **named)
socket.getaddrinfo = _found
"""


@dataclass
class Shell:
    """A shell in a copy of the repository, whose variables stay from one command to the next."""

    folder: Path
    variables: dict[str, str]
    walked: list[str] = field(default_factory=list)

    def run(self, block: str) -> str:
        """Run the commands of a block, each of which must succeed; what they print."""
        after = self.folder.parent / "variables"
        script = f"set -e -o pipefail\n{block}\nenv -0 > {after}\n"
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_SECONDS,
        )
        assert done.returncode == 0, f"{block}\n{done.stdout[-3000:]}"
        pairs = after.read_text().rstrip("\0").split("\0")
        self.variables = dict(pair.split("=", 1) for pair in pairs)
        return done.stdout

    @contextmanager
    def serving(self, command: str, url: str) -> Iterator[None]:
        """While it is open, a server of the page's runs, and answers."""
        log = self.folder.parent / "server.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                ["bash", "-c", command],
                cwd=self.folder,
                env=self.variables,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            wait_until_it_answers(url, process, 120, lambda: log.read_text(errors="replace"))
            yield
            assert "job execution" not in log.read_text(errors="replace")
        finally:
            killed_with_all_below(process)


@dataclass(frozen=True)
class Page:
    """The page as it is walked: with a port that is free."""

    text: str
    port: int

    def blocks(self, heading: str) -> list[str]:
        """The blocks to type below a heading, without what is not done here."""
        level = heading.partition(" ")[0]
        below = self.text.split(f"\n{heading}\n", 1)[1]
        section = re.split(rf"^#{{1,{len(level)}}} ", below, maxsplit=1, flags=re.MULTILINE)[0]
        return [self._here(block) for block in markdown.blocks(section, "sh")]

    def block(self, heading: str) -> str:
        (found,) = self.blocks(heading)
        return found

    @staticmethod
    def _here(block: str) -> str:
        lines = [line for line in block.splitlines() if not any(n in line for n in _NOT_HERE)]
        return "\n".join(lines)


@pytest.fixture(scope="module")
def page() -> Page:
    port = free_port()
    return Page(markdown.read(PAGE).replace("5000", str(port)), port)


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    folder = tmp_path_factory.mktemp("walk")
    copy = folder / "repository"
    left = (".git", ".venv*", ".*_cache", "__pycache__", "*.ddb*", ".aws-sam", "mlruns")
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*left))
    (folder / "names").mkdir()
    (folder / "names" / "sitecustomize.py").write_text(textwrap.dedent(_NAME_LEADS_HERE))
    path = [Path(sys.executable).parent, find_tool(SAM).parent, find_tool(AWS).parent]
    variables = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "AWS_"))}
    with running_ministack(folder) as url:
        yield Shell(
            copy,
            {
                **variables,
                **{k: v for k, v in OPERATOR.items() if "REGION" not in k},
                "AWS_ENDPOINT_URL": url,
                "AWS_PAGER": "",
                "HOME": str(folder),
                "MLFLOW_DISABLE_TELEMETRY": "true",
                "PATH": os.pathsep.join([*map(str, path), os.environ["PATH"]]),
                "PYTHON": sys.executable,
                "PYTHONPATH": str(folder / "names"),
                "SAM_CLI_TELEMETRY": "0",
            },
        )


def status_lines(printed: str) -> Mapping[str, str]:
    """The first part of what `status` prints."""
    lines = printed.partition("\n\n")[0].splitlines()
    return dict(re.split(r"\s{2,}", line, maxsplit=1) for line in lines if "  " in line)


def test_the_page_is_walked_from_an_empty_account_and_back(shell: Shell, page: Page) -> None:
    # Given the variables of the page's beginning
    head = page.text.partition("\n## ")[0]
    (beginning,) = markdown.blocks(head, "sh")
    shell.run(Page._here(beginning))
    assert shell.variables["BUCKET"].startswith("mlflow-artifacts-0")

    # 1. The table and the functions: deployed, and new
    deploying, looking = page.blocks("## 1. The table and the functions")[:2]
    assert "Successfully created" in shell.run(deploying)
    fresh = status_lines(shell.run(looking))
    assert fresh["projections"].startswith("inline (set: auto; no stream function has sent")
    assert fresh["built"].startswith("nothing yet")
    assert fresh["stream"].startswith("on")

    # 2. to 3. A bucket, and what the server may do
    shell.run(page.block("## 2. A bucket for artifacts"))
    for block in page.blocks("## 3. What the server may do"):
        shell.run(block)
    assert "mlflow-server" in shell.run("aws iam list-roles --query Roles[].RoleName")

    # 4. A server on a laptop, and one as on EC2, which answers to its name alone
    laptop = page.block("### On a laptop")
    with shell.serving(laptop, f"http://127.0.0.1:{page.port}"):
        pass
    for heading in ("### On EC2", "### On ECS"):
        for block in page.blocks(heading):
            shell.run(block)
    unit = re.search(r"^ExecStart=\S+/(mlflow server .*)$", page.text, re.MULTILINE)
    assert unit is not None
    job_execution = re.search(r"^Environment=(\S+)$", page.text, re.MULTILINE)
    assert job_execution is not None
    command = unit[1].replace("mlflow-artifacts-123456789012", shell.variables["BUCKET"])
    url = f"http://127.0.0.1:{page.port}"
    with shell.serving(f"{job_execution[1]} exec {command}", url):
        # 5. Is everything right?
        shown = status_lines(shell.run(page.block("## 5. Is everything right?")))
        assert shown["built"] != fresh["built"]
        for host, status in ((HOST, 200), (f"{HOST}:{page.port}", 200), ("other.example.com", 403)):
            search = f"{url}/api/2.0/mlflow/experiments/search?max_results=1"
            assert requests.get(search, headers={"Host": host}, timeout=30).status_code == status

    # A new version: nothing has changed, and the replay finds nothing to do
    replayed = shell.run(page.block("## A new version"))
    assert "No changes to deploy" in replayed
    assert "built:" in replayed

    # Taking it down leaves the table, and the way back leads to a stack on it
    down, remove = page.blocks("## Taking it down")
    assert "Deleted successfully" in shell.run(down)
    kept = status_lines(shell.run(looking))
    assert kept["built"] == shown["built"]
    back = page.block("### If the deployment fails, or the stack was deleted")
    _, _, rest = back.partition("\n")
    printed = shell.run(rest)
    assert "Successfully created" in printed
    assert shell.variables["STREAM"] in kept["stream"]
    runs = "mlflow-dynamodbstore explain '' --table $TABLE --region $AWS_REGION"
    assert "runs" in shell.run(runs)

    # And from there the whole is removed
    shell.run(down)
    shell.run(remove)
    tables = shell.run("aws dynamodb list-tables --query TableNames --output text")
    assert "mlflow" not in tables.split()
