"""Whether MLflow can be told of a run."""

import os
import re

from catsdogs_exp.config.schema import Logging
from catsdogs_exp.errors import BadInput

VARIABLE = "MLFLOW_TRACKING_URI"


def check_tracking(logging: Logging) -> None:
    """Refuses tracking without a place to write to, and passwords that would be written into the run folder.

    Raises:
        BadInput: saying what to set.
    """
    if logging.mlflow_uri is not None and re.search(r"://[^/]*@", logging.mlflow_uri):
        raise BadInput(
            "logging.mlflow_uri must not hold a user or password, as config.yaml would show it. Set the environment's "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
        )
    if logging.mlflow and not tracking_uri(logging):
        raise BadInput(
            "logging.mlflow=true needs to know where to write. Received: no logging.mlflow_uri. "
            f"Type: logging.mlflow_uri=sqlite:///mlflow.db, or set the environment's {VARIABLE}"
        )


def tracking_uri(logging: Logging) -> str:
    """The setting, or what the environment says; `""` for neither."""
    return logging.mlflow_uri or os.environ.get(VARIABLE, "")
