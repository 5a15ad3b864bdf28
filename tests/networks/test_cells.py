"""NASBench cells become networks, and are ranked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from made_up import NAME

from mlcomp.cli.network import network as command
from mlcomp.estimator.networks.cells import Cell, cell_from_json, network, prune, random_cells, vertex_channels
from mlcomp.estimator.networks.graph import NetworkError, describe

LINE = Cell(((0, 1, 0), (0, 0, 1), (0, 0, 0)), ("conv3x3-bn-relu",))
FORK = Cell(
    ((0, 1, 1, 0, 1), (0, 0, 0, 0, 1), (0, 0, 0, 0, 1), (0, 0, 0, 0, 1), (0, 0, 0, 0, 0)),
    ("conv3x3-bn-relu", "maxpool3x3", "conv1x1-bn-relu"),
)


def test_vertices_without_a_way_are_pruned() -> None:
    pruned = prune(FORK)
    assert pruned is not None
    assert pruned.operations == ("conv3x3-bn-relu", "maxpool3x3")


def test_channels_are_split_between_what_feeds_the_output() -> None:
    pruned = prune(FORK)
    assert pruned is not None
    assert vertex_channels(pruned, 128, 255) == [128, 128, 127, 255]


def test_a_cell_becomes_a_network_of_nine_cells() -> None:
    _, described = describe(network(LINE, "line"), "line")
    kernels = [x.attributes["kernel_shape"] for x in described.layers if x.type == "Conv"]
    assert kernels.count([3, 3]) == 1 + 9
    assert kernels.count([1, 1]) == 9
    assert described.tensors[described.outputs[0]].shape == (1, 10)


def test_random_cells_are_valid_and_the_same_for_a_seed() -> None:
    cells = random_cells(20, 3)
    assert cells == random_cells(20, 3)
    assert all(cell_from_json(json.loads(json.dumps(cell.to_json()))) == cell for cell in cells)


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ({"matrix": [[0, 1], [0, 0]]}, "needs 'matrix' and 'operations'"),
        ({"matrix": [[0, 1]], "operations": []}, "must be square"),
        ({"matrix": [[0, 1, 0], [0, 0, 1], [0, 0, 0]], "operations": ["conv7x7"]}, "unknown operation 'conv7x7'"),
        ({"matrix": [[0, 0], [1, 0]], "operations": []}, "from lower to higher"),
        ({"matrix": [[0, 0], [0, 0]], "operations": []}, "must depend on its input"),
    ],
)
def test_what_is_no_cell_is_refused(cell: object, message: str) -> None:
    with pytest.raises(NetworkError, match=message):
        cell_from_json(cell)


def test_search_ranks_cells_by_latency(platform: Path, tmp_path: Path) -> None:
    light = Cell(LINE.matrix, ("maxpool3x3",))
    (tmp_path / "cells.json").write_text(json.dumps([LINE.to_json(), light.to_json()]))
    arguments = ["search", "--platform", NAME, "--model", str(platform), "--cells", str(tmp_path / "cells.json")]
    result = CliRunner().invoke(command, [*arguments, "--json"])
    assert [row["cell"] for row in json.loads(result.output)] == [1, 0]
