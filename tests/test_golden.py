"""Golden outputs: every network gives today what it gave when its outputs were written down.

Weights from seed 0, a sine for a series; relative tolerance 1e-4, absolute 1e-5. Regenerate with
``python -m tests.test_golden`` and say in the commit why they changed.
"""

import pytest
import torch

from skts import models
from tests.networks import seeded

REPLICATION = {"attention": "multihead", "residual": True, "kernel_sizes": (8, 8, 8)}

#: Name, network, arguments after the channels (3), options.
NETWORKS = {
    "FCN": (models.FCN, (2,), {}),
    "LSTM-FCN": (models.LSTMFCN, (20, 2), {}),
    "ALSTM-FCN": (models.LSTMFCN, (20, 2), {"attention": "additive"}),
    "MLSTM-FCN": (models.LSTMFCN, (20, 2), {"squeeze_excite": True}),
    "MALSTM-FCN": (models.LSTMFCN, (20, 2), {"attention": "additive", "squeeze_excite": True}),
    "replication": (models.LSTMFCN, (20, 2), REPLICATION),
    "SE-LSTM-FCN": (models.SELSTMFCN, (20, 2), {}),
    "SE-LSTM-FCN multihead": (models.SELSTMFCN, (20, 2), {"attention": "multihead"}),
    "CNN": (models.CNN, (20, 2), {}),
    "CNN before": (models.CNN, (20, 2), {"attention": "before"}),
    "CNN after": (models.CNN, (20, 2), {"attention": "after"}),
    "LSTM": (models.LSTM, (20, 2), {}),
    "LSTM before": (models.LSTM, (20, 2), {"attention": "before"}),
    "LSTM after": (models.LSTM, (20, 2), {"attention": "after"}),
    "Conv1D-LSTM": (models.ConvLSTM, (20, 2), {"conv_channels": (32, 64), "kernel_sizes": (3, 3)}),
    "ResNet": (models.ResNet, (2,), {}),
    "Inception": (models.Inception, (2,), {}),
    "H-Inception": (models.Inception, (2,), {"hybrid": True}),
    "LITE": (models.LITE, (20, 2), {}),
    "Hydra beside MiniRocket": (models.HydraMiniRocket, (20, 2), {}),
    "interval quantiles": (models.QuantRidge, (20, 2), {}),
    "sequence LSTM": (models.SequenceLSTM, (2,), {}),
    "ALSTM": (models.ALSTM, (2,), {}),
    "combination 1": (models.LSTMALSTM, (2,), {"combination": "parallel"}),
    "combination 2": (models.LSTMALSTM, (2,), {"combination": "lstm_alstm"}),
    "combination 3": (models.LSTMALSTM, (2,), {"combination": "alstm_lstm"}),
}

GOLDEN = {
    "FCN": [[0.188311, 0.279764], [0.210534, 0.185105]],
    "LSTM-FCN": [[-0.730107, 0.201019], [-0.665962, 0.389519]],
    "ALSTM-FCN": [[-1.172707, 0.265218], [-0.970252, 0.310241]],
    "MLSTM-FCN": [[0.228861, 0.203587], [0.078104, 0.206292]],
    "MALSTM-FCN": [[0.209364, 0.0959], [0.279979, 0.055543]],
    "replication": [[0.825061, -2.199575], [1.037054, -2.127244]],
    "SE-LSTM-FCN": [[0.038465, -0.002766], [0.082009, 0.045944]],
    "SE-LSTM-FCN multihead": [[-0.235718, 0.059527], [-0.155683, 0.076993]],
    "CNN": [[0.064178, -0.024305], [-0.200649, -0.122709]],
    "CNN before": [[-0.605203, -0.434441], [-0.052936, -0.052999]],
    "CNN after": [[-1.334627, 2.382708], [-1.575346, 2.088391]],
    "LSTM": [[-0.0272, 0.041634], [0.023872, 0.018892]],
    "LSTM before": [[-0.015485, 0.004742], [0.008792, -0.005524]],
    "LSTM after": [[-0.694981, -0.300601], [0.047548, -0.556862]],
    "Conv1D-LSTM": [[-0.01659, 0.032268], [-0.000815, 0.021524]],
    "ResNet": [[0.185691, -0.032795], [0.194484, -0.022064]],
    "Inception": [[-0.071046, 0.187064], [-0.064961, 0.134759]],
    "H-Inception": [[-0.562653, -0.322399], [-0.750768, -0.459059]],
    "LITE": [[0.250228, 0.281005], [0.299402, 0.079506]],
    "Hydra beside MiniRocket": [[1.418192, 1.04672], [2.19135, 0.7736]],
    "interval quantiles": [[-0.865891, 1.546441], [0.926695, -1.186643]],
    "sequence LSTM": [[-0.009841, -0.01448], [0.01651, 0.036547]],
    "ALSTM": [[0.050049, 0.04247], [-0.037082, 0.005203]],
    "combination 1": [[-0.11732, -0.063228], [0.149862, 0.026371]],
    "combination 2": [[-0.055869, 0.080921], [0.025423, -0.136402]],
    "combination 3": [[0.065727, -0.016325], [-0.063134, 0.033243]],
}


def golden_output(name):
    """Of two series, (2, 2); of a sequence network its last step."""
    network, arguments, options = NETWORKS[name]
    x = torch.sin(torch.arange(2 * 3 * 20, dtype=torch.float32)).reshape(2, 3, 20)
    with torch.no_grad():
        out = seeded(network, 3, *arguments, **options)(x)
    return out if isinstance(out, torch.Tensor) else out[0][..., -1]


@pytest.mark.parametrize("name", NETWORKS)
def test_golden_output(name):
    expected = torch.tensor(GOLDEN[name])
    torch.testing.assert_close(golden_output(name), expected, rtol=1e-4, atol=1e-5)


def test_golden_outputs_cover_every_network():
    covered = {network.__name__ for network, _, _ in NETWORKS.values()}
    assert covered == set(models.__all__)


if __name__ == "__main__":
    for network_name in NETWORKS:
        print(f"    {network_name!r}: {golden_output(network_name).tolist()},")
