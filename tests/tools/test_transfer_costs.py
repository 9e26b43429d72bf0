"""What the chapter on large files shows was measured by the program as it is."""

import json
import os

import psutil
import pytest
from mlflow_lab import TrackingServer

from tools import transfer_costs
from tools.transfer_costs import COUNT, FOLDERS, LARGEST, MIB, RESULT, ROUNDS, SIZES, SMALL, Way

WAYS = {"direct", "uvicorn", "uvicorn, multipart", "gunicorn", "env/server"}
FIGURES = {"seconds", "client CPU s", "client MiB", "server CPU s", "server MiB"}


@pytest.fixture(scope="module")
def stored() -> dict:
    return json.loads(RESULT.read_text())


def test_each_size_has_the_ways_that_carry_it(stored):
    assert list(stored["files"]) == [str(size) for size in SIZES]
    for size, costs in stored["files"].items():
        for direction, measured in costs.items():
            among = WAYS if direction == "up" else WAYS - {"uvicorn, multipart"}
            can = {way for way in among if int(size) <= LARGEST.get((direction, way), int(size))}
            assert measured.keys() == can, (size, direction)
            for cost in measured.values():
                assert cost.keys() >= FIGURES


def test_the_ratios_are_of_rounds_in_turn(stored):
    ratios = stored["ratios"]["up"]
    assert ratios.keys() == WAYS
    assert {len(rounds) for rounds in ratios.values()} == {ROUNDS}
    assert ratios["direct"] == [1.0] * ROUNDS


def test_a_small_file_is_a_request(stored):
    small = stored["small files"]
    assert (small["count"], small["bytes"]) == (COUNT, SMALL)
    assert small["up"]["uvicorn"]["requests to the server"] == COUNT
    assert small["up"]["direct"]["requests to the store"] == COUNT
    assert small["up, one zip"]["uvicorn"]["requests to the server"] == 1
    lists = small["down"]["uvicorn"]["requests to the server"] - COUNT
    assert FOLDERS <= lists <= 3 * FOLDERS


def test_a_way_measures_the_server_and_a_client_of_its_own(tmp_path):
    size = 8
    file = tmp_path / "large.bin"
    transfer_costs.write(file, size, newlines=False)
    assert file.stat().st_size == size * MIB and b"\n" not in file.read_bytes()
    with TrackingServer(quiet=True) as server:
        leader = psutil.Process(server.pid)
        processes = (leader, *leader.children(recursive=True))
        uri = f"{server.uri}{transfer_costs.ARTIFACTS}/{transfer_costs.AT}"
        way = Way(uri, processes, {}, transfer_costs.LIMITS)
        up, down = (way.measure(call(file)) for call in (transfer_costs.up, transfer_costs.down))
        assert up["server MiB"] > 1.5 * size and up["client MiB"] < size
        assert up.keys() == FIGURES == down.keys()
        assert "MLFLOW_HTTP_REQUEST_TIMEOUT" not in os.environ
        with pytest.raises(RuntimeError, match="FileNotFoundError"):
            way.measure(transfer_costs.up(tmp_path / "missing.bin"))
