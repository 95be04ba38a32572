"""Training recipes of the sources, as plain dicts: ``LSTMFCNClassifier(**recipes.karim2017)``.

Recipes hold only training options, so they fit every classifier. The exception is
`columbia2024_replication`, which also sets the architecture. For a regressor, remove `class_weight`
and `oversample`, which only classifiers have.
"""

from typing import Any

import torch

__all__ = [
    "columbia2024",
    "columbia2024_refined",
    "columbia2024_replication",
    "dl4tsc2019",
    "inceptiontime2020",
    "karim2017",
    "karim2017_refined",
    "swartz2025",
]

_ADAM: dict[str, Any] = {
    "optimizer": torch.optim.Adam,
    "lr": 1e-3,
    "weight_decay": 0.0,
    "recompute_norms": False,
}

#: Karim et al., LSTM-FCN. `max_epochs` is for univariate data sets; for others it is 250 to 600.
karim2017 = _ADAM | {
    "max_epochs": 2000,
    "batch_size": 128,
    "lr_schedule": "plateau",
    "plateau_factor": 2 ** (-1 / 3),
    "plateau_patience": 100,
    "min_lr": 1e-4,
    "class_weight": "balanced",
    "restore_best": "train_loss",
}

#: Karim et al., with refinement rounds after training.
karim2017_refined = karim2017 | {"fine_tune_rounds": 5}

#: Columbia study (Chun, Twan, Weale). It states no number of epochs; early stopping ends training.
columbia2024 = _ADAM | {
    "max_epochs": 2000,
    "batch_size": 128,
    "lr_schedule": "plateau",
    "plateau_factor": 0.5,
    "plateau_patience": 10,
    "min_lr": 1e-4,
    "class_weight": "balanced",
    "validation_fraction": 0.2,
    "early_stopping_patience": 15,
    "restore_best": "valid_loss",
}

#: Columbia study, with the same refinement rounds.
columbia2024_refined = columbia2024 | {"fine_tune_rounds": 5}

#: Columbia study, architecture and training of its LSTM-FCN replication. For LSTMFCN, and for
#: ALSTMFCN with ``attention="multihead"``.
columbia2024_replication = columbia2024 | {"kernel_sizes": (8, 8, 8), "residual": True}

#: Swartz. Minority classes are oversampled; the learning rate is constant.
swartz2025 = _ADAM | {
    "max_epochs": 50,
    "batch_size": 32,
    "lr_schedule": None,
    "oversample": True,
}

#: Ismail Fawaz et al., the review, for ResNet. The source's batches have a tenth of the training
#: series, at most 16. With fewer than 160 series, set ``batch_size=max(1, n // 10)``.
dl4tsc2019 = _ADAM | {
    "max_epochs": 1500,
    "batch_size": 16,
    "lr_schedule": "plateau",
    "plateau_factor": 0.5,
    "plateau_patience": 50,
    "min_lr": 1e-4,
    "restore_best": "train_loss",
}

#: Ismail Fawaz et al., InceptionTime. H-InceptionTime and LITETime are trained the same way.
inceptiontime2020 = dl4tsc2019 | {"batch_size": 64}
