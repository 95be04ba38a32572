"""Networks of fixed features and a linear layer."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from skts.layers.common import Linear


class Scaling(nn.Module):
    """Features minus their mean, divided by their scale.

    Shape:
        (..., n_features) -> (..., n_features)
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, n_features: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_features))
        self.register_buffer("scale", torch.ones(n_features))

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.scale


class FixedFeatures(nn.Module, ABC):
    """Abstract base: fixed features and a trained linear layer.

    Shape:
        x (B, C, T), lengths (B,) or None -> (B, n_outputs)
    """

    def __init__(self, n_features: int, n_outputs: int):
        super().__init__()
        self.scaling = Scaling(n_features)
        self.head = Linear(n_features, n_outputs)

    def learn(self, x: Tensor, lengths: Tensor | None = None) -> None:
        """Learn the constants of the features from training series.

        Parameters
        ----------
        x : tensor of shape (n, C, T)
        lengths : tensor of shape (n,), optional
        """

    @abstractmethod
    def features(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the features before scaling.

        Parameters
        ----------
        x : tensor of shape (B, C, T)
        lengths : tensor of shape (B,), optional

        Returns
        -------
        tensor of shape (B, n_features)
        """

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self.head(self.scaling(self.features(x, lengths)))
