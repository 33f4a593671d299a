"""Clients of the AWS SDK, and what its failures mean.

The SDK raises its own two families of exceptions, and whatever its parts raise: ValueError for a
URL, OSError for a file that the configuration names, JSONDecodeError for what a program printed.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from dynamodbstore_table.dynamodb.regions import is_known, is_of_aws, region_in, similar

LOCAL_REGION: Final = "us-east-1"
_LOCAL_CREDENTIAL: Final = "local"

Stage: TypeAlias = Literal["configuration", "credentials", "request"]
"""What the SDK was at: making a client, getting credentials, or a request and its answer."""

_CONFIGURATION: Final = frozenset(
    {
        "ConfigNotFound",
        "ConfigParseError",
        "DataNotFoundError",
        "EndpointResolutionError",
        "EndpointVariantError",
        "InfiniteLoopConfigError",
        "InvalidChecksumConfigError",
        "InvalidConfigError",
        "InvalidDefaultsMode",
        "InvalidEndpointConfigurationError",
        "InvalidIMDSEndpointError",
        "InvalidIMDSEndpointModeError",
        "InvalidMaxRetryAttemptsError",
        "InvalidProxiesConfigError",
        "InvalidRegionError",
        "InvalidRetryConfigurationError",
        "InvalidRetryModeError",
        "InvalidSTSRegionalEndpointsConfigError",
        "MissingDependencyException",
        "NoRegionError",
        "ProfileNotFound",
        "UnknownEndpointError",
        "UnknownFIPSEndpointError",
        "UnknownServiceError",
        "UnknownSignatureVersionError",
        "UnsupportedSignatureVersionError",
    }
)
_OF_CREDENTIALS: Final = ("Credential", "Token", "SSO", "Login", "MFA", "AuthToken")
_HEADER: Final = "Invalid header value"
_CHECK_CONFIGURATION: Final = (
    "check the variables AWS_* of this process, and the profile in the AWS configuration file"
)


class SdkFailed(Exception):
    """The SDK can't make requests; the message is one line, with the cause and what to do."""


@dataclass(frozen=True, slots=True)
class Connection:
    """A client of a service, and the credentials that it signs with."""

    client: Any
    credentials: Any

    def refresh_credentials(self) -> None:
        """Renew the credentials if they are about to expire, as the client would when it signs:
        what fails here has to do with credentials, and with nothing else."""
        self.credentials.get_frozen_credentials()


def connect(
    service: str, *, region: str | None, endpoint_url: str | None, config: Any
) -> Connection:
    """Make a client of a service of AWS (``dynamodb``) by this machine's configuration.

    At an endpoint outside AWS's domains credentials are made up if none are configured, and
    the region defaults to ``us-east-1``. Raises ``SdkFailed``.
    """
    where = place(service, endpoint_url or region)
    stage: Stage = "configuration"
    try:
        import boto3.session
        import botocore.session

        core = botocore.session.Session()
        local = endpoint_url is not None and not is_of_aws(endpoint_url)
        region = region or _region(core, endpoint_url, local)
        if core.get_config_variable("region") is None:
            # Where credentials come from another service of AWS, it needs a region as well.
            core.set_config_variable("region", region)
        stage = "credentials"
        credentials = _credentials(core, local)
        stage = "configuration"
        session = boto3.session.Session(botocore_session=core)
        client = session.client(
            service, region_name=region, endpoint_url=endpoint_url, config=config
        )
    except SdkFailed:
        raise
    except Exception as error:
        raise SdkFailed(failure(error, where, stage)) from None
    return Connection(client, credentials)


def place(service: str, where: str | None) -> str:
    """A service and its region or endpoint, for messages."""
    name = {"dynamodb": "DynamoDB", "cloudwatch": "CloudWatch"}.get(service, service)
    return f"{name} in {where or 'the configured region'}"


def failure(error: Exception, where: str, stage: Stage) -> str:
    """What an exception of the SDK means, and what to do: one line.

    ``error`` is anything but an answer of the service itself, ``where`` names the service and its
    place (``DynamoDB in eu-central-1``).
    """
    kind = type(error).__name__
    detail = " ".join(str(error).split())
    if _HEADER in detail:
        # The text goes on with the header: it may be the session token.
        kind, detail, stage = "ValueError", "they hold a line break", "credentials"
    found = f"{kind}: {detail}" if detail else kind
    if kind == "MissingDependencyException":
        return (
            f"the AWS profile needs a part of the SDK that is not installed ({found}): run "
            "pip install 'botocore[crt]' in this environment"
        )
    if kind in _CONFIGURATION:
        return _misconfigured(where, found)
    if stage == "credentials" or any(part in kind for part in _OF_CREDENTIALS):
        return f"no usable AWS credentials for {where} ({found}): {_credentials_fix(error, detail)}"
    if stage == "configuration":
        return _misconfigured(where, found)
    if _is_of_the_network(error):
        return f"{where} can't be reached ({found}): {_network_fix(kind, where)}"
    return (
        f"the AWS SDK can't make the request to {where}, or can't read the answer ({found}): "
        f"{_CHECK_CONFIGURATION}, and what it is that answers there"
    )


def _region(core: Any, endpoint_url: str | None, local: bool) -> str:
    """The region of a client whose caller names none. ``AWS_REGION`` is what containers and
    functions of AWS have, and what its other SDKs read; botocore reads ``AWS_DEFAULT_REGION``."""
    if endpoint_url is not None and not local:
        # A signature for another region than the endpoint's is refused.
        named = region_in(endpoint_url)
        if named is not None:
            return named
    configured: str | None = os.environ.get("AWS_REGION") or core.get_config_variable("region")
    if configured:
        return configured
    if local:
        return LOCAL_REGION
    if endpoint_url is None:
        raise SdkFailed(
            "no AWS region is configured: name one in the store URI, dynamodb://<region>/<table>, "
            "or set AWS_REGION"
        )
    raise SdkFailed(f"no AWS region is configured for {endpoint_url}: set AWS_REGION")


def _credentials(core: Any, local: bool) -> Any:
    """The configured credentials; made-up ones for a local engine, which takes any, while the SDK
    signs with none but some."""
    from botocore.exceptions import NoCredentialsError

    if local:
        providers = core.get_component("credential_provider")
        for network_provider in ("container-role", "iam-role"):
            # Outside AWS these two wait seconds for an address that does not answer.
            providers.remove(network_provider)
    found = core.get_credentials()
    if found is None and local:
        core.set_credentials(_LOCAL_CREDENTIAL, _LOCAL_CREDENTIAL)
        found = core.get_credentials()
    if found is None:
        raise NoCredentialsError
    return found


def _misconfigured(where: str, found: str) -> str:
    hint = _CHECK_CONFIGURATION
    if "Invalid endpoint" in found:
        hint = (
            "check AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_DYNAMODB and the profile's endpoint_url: an "
            "endpoint begins with http:// or https://"
        )
    return f"the AWS configuration of this machine can't be used for {where} ({found}): {hint}"


def _credentials_fix(error: Exception, detail: str) -> str:
    kind = type(error).__name__
    if isinstance(error, OSError) and error.filename is not None:
        return (
            "the AWS configuration names this file or program (credential_process, "
            "AWS_WEB_IDENTITY_TOKEN_FILE): provide it, or change the configuration"
        )
    if kind == "JSONDecodeError":
        return (
            "run the credential_process of the AWS profile by hand: it has to print JSON, and may "
            "print why it does not"
        )
    expired = "expired" in detail.lower() or kind.startswith(("SSO", "Login", "Token"))
    if expired or kind == "UnauthorizedSSOTokenError":
        return "sign in again (aws sso login, aws login), or renew what they come from"
    if kind == "NoCredentialsError":
        return "configure them: sign in, set AWS_PROFILE, or give this machine a role"
    return _CHECK_CONFIGURATION


def _is_of_the_network(error: Exception) -> bool:
    from botocore.exceptions import ConnectionError as SdkConnectionError
    from botocore.exceptions import HTTPClientError

    return isinstance(error, HTTPClientError | SdkConnectionError)


def _network_fix(kind: str, where: str) -> str:
    if kind == "SSLError":
        return "check the certificate of the endpoint or the proxy, and AWS_CA_BUNDLE"
    if kind == "HTTPClientError":
        return "check AWS_CA_BUNDLE, the proxy's variables, and the network"
    region = where.rpartition(" ")[2]
    if "://" not in region and not is_known(region):
        like = similar(region)
        named = f" (is it {' or '.join(like)}?)" if like else ""
        return f"this botocore knows no region {region!r}{named}: check the region, and the network"
    return "check the endpoint or region, and the network"
