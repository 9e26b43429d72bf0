#!/bin/sh
# `uv venv ... FOLDER` gives the environment of the image; `uv pip install` has nothing to add.
for folder; do :; done
[ "$1" != venv ] || ln -sfn /opt/mlflow "$folder"
