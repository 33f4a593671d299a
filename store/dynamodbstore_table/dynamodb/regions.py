"""AWS's regions and domains, as botocore's own list of partitions has them (``partitions.json``).

The list is a few kilobytes; reading it loads botocore's loader, and no service model.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final
from urllib.parse import urlsplit

_DOMAINS: Final = ("dnsSuffix", "dualStackDnsSuffix")


@dataclass(frozen=True, slots=True)
class Partition:
    """One part of AWS (``aws``, ``aws-cn``, ``aws-eusc``): the regions that are known, what the
    name of a further one looks like, and the domains of its endpoints."""

    name: str
    regions: frozenset[str]
    looks: re.Pattern[str]
    domains: tuple[str, ...]

    def has(self, region: str) -> bool:
        """Whether a region of this name is, or may later be, in the partition."""
        return region in self.regions or self.looks.fullmatch(region) is not None


def partition_of(region: str) -> Partition | None:
    """The partition that a region is in; None if no region of AWS has such a name.

    A region that this botocore does not know yet counts as one where its name fits: see
    ``is_known``.
    """
    return next((found for found in partitions() if found.has(region)), None)


def is_known(region: str) -> bool:
    """Whether this botocore lists the region: a newer region needs a newer botocore to be known."""
    return any(region in found.regions for found in partitions())


def similar(region: str) -> list[str]:
    """Known regions whose names are like this one, the likest first, at most three."""
    known = sorted(name for found in partitions() for name in found.regions)
    return difflib.get_close_matches(region, known)


def is_of_aws(endpoint_url: str) -> bool:
    """Whether an endpoint is in one of AWS's own domains."""
    host = urlsplit(endpoint_url).hostname or ""
    return any(f".{host}".endswith(f".{domain}") for domain in _domains())


def region_in(endpoint_url: str) -> str | None:
    """The region that the host name of one of AWS's endpoints holds; None if it holds none."""
    labels = (urlsplit(endpoint_url).hostname or "").split(".")
    return next((label for label in labels if partition_of(label) is not None), None)


@cache
def partitions() -> tuple[Partition, ...]:
    """All of AWS's partitions."""
    from botocore.loaders import create_loader

    return tuple(
        Partition(
            found["id"],
            frozenset(name for name in found["regions"] if not name.endswith("-global")),
            re.compile(found["regionRegex"]),
            tuple(dict.fromkeys(found["outputs"][name] for name in _DOMAINS)),
        )
        for found in create_loader().load_data("partitions")["partitions"]
    )


def _domains() -> Iterator[str]:
    return (domain for found in partitions() for domain in found.domains)
