"""Start-up file of the kernels in which test_numbers.py executes sections.

For every model `log_model` starts a process that loads it, to see what it imports. Here that is
done once a flavor: what a model imports does not depend on the processor.
"""

from typing import Any

from mlflow.utils import environment

_infer = environment._infer_requirements
_known: dict[str, list[str]] = {}


def _remember(model_uri: str, flavor: str, *arguments: Any, **options: Any) -> list[str]:
    if flavor not in _known:
        _known[flavor] = _infer(model_uri, flavor, *arguments, **options)
    return list(_known[flavor])


environment._infer_requirements = _remember
