"""A training process: logs metrics one by one until its standard input is closed.

Reads the variables of an MLflow client from its environment. Prints the run's ID first, and at the
end the number of calls that came back without an error.
"""

import select
import sys

import mlflow

mlflow.set_experiment("training")
with mlflow.start_run() as run:
    print(run.info.run_id, flush=True)
    step = 0
    while not select.select([sys.stdin], [], [], 0)[0]:
        mlflow.log_metric("loss", 1 / (step + 1), step=step)
        step += 1
print(step, flush=True)
