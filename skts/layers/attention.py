"""Self-attention and attention weights."""

from torch import nn
from torch.nn import functional as F

from skts.layers.common import Linear, repr_of


class SelfAttention(nn.Module):
    """Multi-head self-attention; a linear layer maps all heads to `n_outputs`.

    With `over_channels`, the steps are the channels of the series, not its time points.

    Shape:
        x (B, S, D), mask (B, 1, S), True at the valid steps -> (B, S, n_outputs)
    """

    def __init__(
        self, n_features, n_outputs, *, n_heads, head_size, dropout=0.0, over_channels=False
    ):
        super().__init__()
        self.over_channels = over_channels
        self.n_heads = n_heads
        self.dropout = dropout
        width = self.n_heads * head_size
        self.query, self.key, self.value = (Linear(n_features, width) for _ in range(3))
        self.out = Linear(width, n_outputs)

    def extra_repr(self):
        return repr_of(self, "n_heads", "dropout", "over_channels")

    def _heads(self, linear, x):
        return split_heads(linear(x), self.n_heads)

    def weights(self, x, mask=None):
        """Return the attention weights of each step on all steps, (B, heads, S, S).

        Rows beyond the end of a series are NaN.
        """
        query, key = self._heads(self.query, x), self._heads(self.key, x)
        if mask is None:
            return dot_product_weights(query, key)
        return masked_weights(dot_product_weights(query, key, mask[:, None]), mask)

    def values(self, x, mask=None):
        """Return the values that the weights average, (B, heads, S, head_size)."""
        return self._heads(self.value, x)

    def forward(self, x, mask=None):
        heads = F.scaled_dot_product_attention(
            self._heads(self.query, x),
            self._heads(self.key, x),
            self.values(x),
            attn_mask=None if mask is None else mask[:, None],
            dropout_p=self.dropout if self.training else 0.0,
        )
        return self.out(heads.transpose(1, 2).flatten(start_dim=2))


def split_heads(x, n_heads):
    """Split the features into heads, (B, S, D) -> (B, heads, S, D / heads)."""
    return x.unflatten(2, (n_heads, -1)).transpose(1, 2)


def masked_weights(weights, mask):
    """Return attention weights with NaN in the rows of steps where the mask is False.

    Shape:
        weights (B, heads, S, S), mask (B, 1, S) -> (B, heads, S, S)
    """
    return weights.masked_fill(~mask[:, :, :, None], float("nan"))


def dot_product_weights(query, key, mask=None):
    """Return the weights of scaled dot-product attention, 0 where the mask is False.

    Shape:
        query, key (B, heads, S, size), mask broadcast to the output -> (B, heads, S, S)
    """
    scores = query.double() @ key.double().transpose(2, 3) / query.shape[3] ** 0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return scores.softmax(dim=-1)
