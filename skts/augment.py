"""Data augmentation: random changes of training series that should preserve the target.

The option `augment` of classifiers and regressors applies these functions in training steps only.
Each function draws new random numbers for every series, from torch's global generator of the
series' device. Padding stays zero. The strength is relative to the scale of the series.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from skts.layers import masked, padding_mask
from skts.layers.representation import centred_in_time
from skts.params import is_sequence, real

__all__ = [
    "augmented",
    "channel_dropout",
    "jitter",
    "scaling",
    "time_mask",
    "time_warp",
    "window_slice",
]

Name = Literal["jitter", "scaling", "time_warp", "window_slice", "time_mask", "channel_dropout"]
#: Augmentations in order: each a name, or a pair of name and strength.
Augmentations = Sequence[Name | tuple[Name, float]]

#: Rule of the strength of each augmentation.
STRENGTHS = {
    **dict.fromkeys(("jitter", "scaling", "time_warp"), real(0)),
    **dict.fromkeys(("window_slice", "time_mask", "channel_dropout"), real(0, 1)),
}
KNOTS_OF_SPEED = 6  # Um et al.: both ends and four between them
LEAST_SPEED = 0.1


def augmented(
    x: Tensor, augment: Name | Augmentations | None, lengths: Tensor | None = None
) -> Tensor:
    """Augment a batch of series as the option `augment` does.

    Parameters
    ----------
    x : tensor of shape (B, C, T)
    augment : str, sequence or None
        Name of a function of this module, or a sequence of names or of pairs of name and strength,
        applied in order. None returns the series unchanged.
    lengths : tensor of int, shape (B,), optional
        Number of valid time points of each series, if they differ.

    Returns
    -------
    tensor of shape (B, C, T)

    Raises
    ------
    ValueError
        If `augment` is none of these, or an augmentation raises ValueError.

    Examples
    --------
    >>> import torch
    >>> from skts.augment import augmented
    >>> augmented(torch.randn(4, 2, 50), ["time_warp", ("jitter", 0.1)]).shape
    torch.Size([4, 2, 50])
    """
    steps = [augment] if isinstance(augment, str) else augment
    if steps is not None and not is_augmentations(steps):
        raise ValueError(
            f"augment must be a name, a list of names or pairs, or None, got {augment!r}"
        )
    for step in steps or ():
        name, options = (step, {}) if isinstance(step, str) else (step[0], {"strength": step[1]})
        x = AUGMENTATIONS[name](x, lengths, **options)
    return x


def jitter(x: Tensor, lengths: Tensor | None = None, *, strength: float = 0.03) -> Tensor:
    """Add normal noise to every value.

    Parameters
    ----------
    x : tensor of shape (B, C, T)
    lengths : tensor of int, shape (B,), optional
        Number of valid time points of each series, if they differ.
    strength : float, default=0.03
        Standard deviation of the noise, relative to that of the series in the channel.

    Returns
    -------
    tensor of shape (B, C, T)

    Raises
    ------
    ValueError
        If `x` does not have this shape, or `strength` is negative or not finite.

    References
    ----------
    T. T. Um et al. (2017). Data augmentation of wearable sensor data for Parkinson's disease
    monitoring using convolutional neural networks. ICMI, 216-220. The default is that of
    B. K. Iwana, S. Uchida (2021). An empirical survey of data augmentation for time series
    classification with neural networks. PLoS ONE 16, e0254841.

    Examples
    --------
    >>> import torch
    >>> from skts.augment import jitter
    >>> jitter(torch.tensor([[[0.0, 1.0, 2.0]]]), strength=0.0)
    tensor([[[0., 1., 2.]]])
    """
    _check("jitter", x, strength)
    centred, n = centred_in_time(x, lengths)
    deviation = (centred.square().sum(dim=2, keepdim=True) / n).sqrt().to(x.dtype)
    noise = strength * deviation * torch.randn_like(x)
    return masked(x + noise, padding_mask(lengths, x.shape[2]))


def scaling(x: Tensor, lengths: Tensor | None = None, *, strength: float = 0.1) -> Tensor:
    """Multiply each channel's deviation from its mean by a random factor.

    NOTE[DIFF]: the paper multiplies the values, which is the same for its series of mean 0. Here
    every series keeps its mean.

    Parameters
    ----------
    x, lengths
        As in `jitter`.
    strength : float, default=0.1
        Standard deviation of the factor, which is normal with mean 1.

    Returns
    -------
    tensor of shape (B, C, T)

    Raises
    ------
    ValueError
        If `x` has another shape, or `strength` is negative or not finite.

    References
    ----------
    T. T. Um et al. (2017), ICMI, 216-220; B. K. Iwana, S. Uchida (2021), PLoS ONE 16, e0254841.

    Examples
    --------
    >>> import torch
    >>> from skts.augment import scaling
    >>> float(scaling(torch.tensor([[[4.0, 5.0, 6.0]]])).mean())  # the mean is kept
    5.0
    """
    _check("scaling", x, strength)
    centred, _ = centred_in_time(x, lengths)
    more = strength * torch.randn(*x.shape[:2], 1, device=x.device)
    return masked(x + (more * centred).to(x.dtype), padding_mask(lengths, x.shape[2]))


def time_warp(x: Tensor, lengths: Tensor | None = None, *, strength: float = 0.2) -> Tensor:
    """Warp time between the first and the last time point.

    The speed is drawn at six equidistant time points and is linear between them. The series is
    interpolated linearly at the warped times. All channels share the warp.

    NOTE[DIFF]: the source interpolates the speed with a cubic spline, which can become negative,
    and warps every channel separately.

    Parameters
    ----------
    x, lengths
        As in `jitter`.
    strength : float, default=0.2
        Standard deviation of the speed, which is normal with mean 1, clipped below at 0.1.

    Returns
    -------
    tensor of shape (B, C, T)

    Raises
    ------
    ValueError
        If `x` has another shape, or `strength` is negative or not finite.

    References
    ----------
    T. T. Um et al. (2017), ICMI, 216-220; B. K. Iwana, S. Uchida (2021), PLoS ONE 16, e0254841.

    Examples
    --------
    >>> import torch
    >>> from skts.augment import time_warp
    >>> x = torch.linspace(0, 1, 50)[None, None]
    >>> [float(x_end) for x_end in time_warp(x)[0, 0, [0, -1]]]
    [0.0, 1.0]
    """
    _check("time_warp", x, strength)
    last = _last_timepoint(x, lengths)
    speed = 1 + strength * torch.randn(len(x), KNOTS_OF_SPEED, device=x.device).double()
    speed = speed.clamp(min=LEAST_SPEED)
    before, after = speed[:, :-1], speed[:, 1:]  # of each stretch between two knots
    # torch's cumsum can be nondeterministic on CUDA
    earlier = before.new_ones(before.shape[1], before.shape[1]).triu(diagonal=1)
    passed = (before + after) / 2 @ earlier  # distance before each stretch
    place = torch.minimum(_time(x), last) / last.clamp(min=1) * before.shape[1]  # (B, T)
    stretch = place.long().clamp(max=before.shape[1] - 1)
    part = place - stretch
    start, end = before.gather(1, stretch), after.gather(1, stretch)
    distance = passed.gather(1, stretch) + part * (start + part * (end - start) / 2)
    total = (before + after).sum(dim=1, keepdim=True) / 2
    return _read_at(x, distance / total * last, lengths)


def window_slice(x: Tensor, lengths: Tensor | None = None, *, strength: float = 0.1) -> Tensor:
    """Cut out a window and stretch it linearly to the length of the series.

    All channels share the window. Its position is drawn.

    Parameters
    ----------
    x, lengths
        As in `jitter`.
    strength : float, default=0.1
        Fraction of the series that is cut off.

    Returns
    -------
    tensor of shape (B, C, T)

    Raises
    ------
    ValueError
        If `x` has another shape, or `strength` is not in [0, 1).

    References
    ----------
    A. Le Guennec, S. Malinowski, R. Tavenard (2016). Data augmentation for time series
    classification using convolutional neural networks. ECML/PKDD workshop on advanced analytics and
    learning on temporal data. Stretching: B. K. Iwana, S. Uchida (2021), PLoS ONE 16, e0254841.

    Examples
    --------
    >>> import torch
    >>> from skts.augment import window_slice
    >>> x = torch.linspace(0, 1, 50)[None, None]
    >>> x_slice = window_slice(x, strength=0.5)
    >>> round(float(x_slice.max() - x_slice.min()), 4)
    0.5
    """
    _check("window_slice", x, strength)
    last = _last_timepoint(x, lengths)
    first = torch.rand(len(x), 1, device=x.device) * strength * last
    return _read_at(x, first + (1 - strength) * _time(x), lengths)


def time_mask(x: Tensor, lengths: Tensor | None = None, *, strength: float = 0.2) -> Tensor:
    """Replace a stretch of time by the mean of each channel over the series.

    All channels share the stretch. Its position and width are drawn uniformly.

    Parameters
    ----------
    x, lengths
        As in `jitter`.
    strength : float, default=0.2
        Longest mask as a fraction of the series, rounded down to time points. A mask can be empty.

    Returns
    -------
    tensor of shape (B, C, T)

    Raises
    ------
    ValueError
        If `x` has another shape, or `strength` is not in [0, 1).

    References
    ----------
    D. S. Park et al. (2019). SpecAugment: a simple data augmentation method for automatic speech
    recognition. Interspeech, 2613-2617.

    Examples
    --------
    >>> import torch
    >>> from skts.augment import time_mask
    >>> x_masked = time_mask(torch.randn(1, 2, 50))
    >>> int((x_masked[0, 0] == x_masked[0, 0].mode().values).sum()) <= 10
    True
    """
    _check("time_mask", x, strength)
    n = _last_timepoint(x, lengths) + 1
    place = torch.rand(2, len(x), 1, device=x.device).double()
    width = (place[0] * ((strength * n).floor() + 1)).floor()
    start = (place[1] * (n - width + 1)).floor()
    time = _time(x)
    is_masked = (start <= time) & (time < start + width)  # (B, T)
    return _at_mean(x, lengths, is_masked[:, None])


def channel_dropout(x: Tensor, lengths: Tensor | None = None, *, strength: float = 0.2) -> Tensor:
    """Replace channels by their mean over the series.

    At least one channel is kept.

    Parameters
    ----------
    x, lengths
        As in `jitter`, with at least two channels.
    strength : float, default=0.2
        Probability that a channel is dropped.

    Returns
    -------
    tensor of shape (B, C, T)

    Raises
    ------
    ValueError
        If `x` has another shape or only one channel, or `strength` is not in [0, 1).

    References
    ----------
    A. Saeed, D. Grangier, O. Pietquin, N. Zeghidour (2021). Learning from heterogeneous EEG signals
    with differentiable channel reordering. ICASSP, 1255-1259.

    Examples
    --------
    >>> import torch
    >>> from skts.augment import channel_dropout
    >>> x_dropped = channel_dropout(torch.randn(8, 3, 50), strength=0.9)
    >>> bool((x_dropped.std(dim=2) > 0.1).any(dim=1).all())  # each series keeps one
    True
    """
    _check("channel_dropout", x, strength)
    if x.shape[1] == 1:
        raise ValueError(
            "channel_dropout needs series of two or more channels, got 1: remove it from augment"
        )
    chance = torch.rand(*x.shape[:2], 1, device=x.device)
    is_dropped = (chance < strength) & (chance < chance.amax(dim=1, keepdim=True))
    return _at_mean(x, lengths, is_dropped)


#: The functions by name.
AUGMENTATIONS = {
    function.__name__: function
    for function in (jitter, scaling, time_warp, window_slice, time_mask, channel_dropout)
}


def is_augmentations(value):
    """Return whether a value is a non-empty sequence of names, or pairs of name and strength."""
    return is_sequence(value) and len(value) > 0 and all(map(_is_step, value))


def _is_step(step):
    if isinstance(step, tuple) and len(step) == 2 and isinstance(step[0], str):
        name, strength = step
        return name in STRENGTHS and STRENGTHS[name].accepts(strength)
    return isinstance(step, str) and step in STRENGTHS


def _check(name, x, strength):
    if x.ndim != 3:
        raise ValueError(f"x of {name} must have the shape (B, C, T), got {tuple(x.shape)}")
    rule = STRENGTHS[name]
    if not rule.accepts(strength):
        raise ValueError(f"strength of {name} must be {rule.text}, got {strength!r}")


def _time(x):
    """Return the indices of the time points, (T,)."""
    return torch.arange(x.shape[2], device=x.device, dtype=torch.float64)


def _last_timepoint(x, lengths):
    """Return the index of the last valid time point of each series, (B, 1)."""
    if lengths is None:
        return torch.full((len(x), 1), x.shape[2] - 1, device=x.device, dtype=torch.float64)
    return lengths[:, None].double() - 1


def _read_at(x, position, lengths):
    """Interpolate the series linearly at positions (B, T) in time."""
    n_channels, n_timepoints = x.shape[1:]
    position = torch.minimum(position, _last_timepoint(x, lengths))[:, None]  # (B, 1, T)
    before = position.long()
    after = (before + 1).clamp(max=n_timepoints - 1)  # has weight 0 at the last time point
    low, high = (x.gather(2, at.expand(-1, n_channels, -1)) for at in (before, after))
    found = torch.lerp(low, high, (position - before).to(x.dtype))
    return masked(found, padding_mask(lengths, n_timepoints))


def _at_mean(x, lengths, where):
    """Return the series with values replaced by the channel's mean where `where` is True."""
    centred, _ = centred_in_time(x, lengths)
    found = torch.where(where, (x - centred).to(x.dtype), x)
    return masked(found, padding_mask(lengths, x.shape[2]))
