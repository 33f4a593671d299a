"""The secrets that webhooks sign with, kept encrypted as MLflow's SQL store keeps them.

The key is ``MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY``. Without it each process makes one of its own,
so that no other process, and none after a restart, can read a secret.
"""

from __future__ import annotations

import functools

from cryptography.fernet import Fernet, InvalidToken
from mlflow.environment_variables import MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY
from mlflow.exceptions import MlflowException

from mlflow_dynamodbstore import logs

_VARIABLE = "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY"
_KEY_OF_THIS_PROCESS = Fernet.generate_key()
_MAKE_A_KEY = (
    "python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'"
)
UNREADABLE = (
    "was encrypted with another key. Start every server with the same "
    f"{_VARIABLE}, and set the webhook's secret again if its key is lost"
)


def check_encryption_key() -> None:
    """Raise ``INVALID_PARAMETER_VALUE`` if the variable holds something that is no key."""
    _cipher(MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY.get())


def encrypted(secret: str) -> str:
    """The secret as it may be kept."""
    key = MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY.get()
    if not key:
        _warn_of_missing_key()
    try:
        return _cipher(key).encrypt(secret.encode()).decode()
    except UnicodeEncodeError:
        raise MlflowException.invalid_parameter_value(
            "A webhook's secret must be Unicode text; this one holds half of a surrogate pair."
        ) from None


def decrypted(kept: str) -> str | None:
    """The inverse of ``encrypted``; None if it was encrypted with another key."""
    try:
        return _cipher(MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY.get()).decrypt(kept.encode()).decode()
    except InvalidToken:
        return None


@functools.cache
def _cipher(key: str | None) -> Fernet:
    try:
        return Fernet(key or _KEY_OF_THIS_PROCESS)
    except ValueError:
        # The value itself is a secret, or nearly one.
        raise MlflowException.invalid_parameter_value(
            f"{_VARIABLE} is not a key: it must be 32 bytes in URL-safe base64. Make one with "
            f"{_MAKE_A_KEY}"
        ) from None


@functools.cache
def _warn_of_missing_key() -> None:
    logs.webhook_key_missing(_VARIABLE, _MAKE_A_KEY)
