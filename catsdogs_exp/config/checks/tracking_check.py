"""Checks the settings of MLflow tracking."""

import os
import re

from catsdogs_exp.config.schema import Logging
from catsdogs_exp.errors import BadInput

VARIABLE = "MLFLOW_TRACKING_URI"


def check_tracking(logging: Logging) -> None:
    """Rejects tracking without a destination, and passwords that would be written to the run folder.

    Raises:
        BadInput: with the setting to change.
    """
    if logging.mlflow_uri is not None and re.search(r"://[^/]*@", logging.mlflow_uri):
        raise BadInput(
            "logging.mlflow_uri must not contain a user name or password, because config.yaml would show it. Set the "
            "environment "
            "variables MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
        )
    if logging.mlflow and not tracking_uri(logging):
        raise BadInput(
            "logging.mlflow=true needs a destination. Received: no logging.mlflow_uri. "
            f"Type: logging.mlflow_uri=sqlite:///mlflow.db, or set the environment variable {VARIABLE}"
        )


def tracking_uri(logging: Logging) -> str:
    """Returns `logging.mlflow_uri`, or else the environment variable's value; `""` if neither is set."""
    return logging.mlflow_uri or os.environ.get(VARIABLE, "")
