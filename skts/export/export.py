"""Export of fitted estimators to ONNX models and to programs of torch.export."""

import contextlib
import json
import logging
import os
import warnings
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import is_classifier
from torch import nn

from skts.base import ProbabilisticClassifier, SeriesEstimator
from skts.device import torch_defaults
from skts.ensemble import Ensemble
from skts.export.compression import in_float16, in_int8, shortened, without_notes
from skts.export.inputs import inputs_of, members_of
from skts.extras import needs
from skts.layers import check_one_of, padding_mask, repr_of
from skts.persistence.files import check_writable, replace_file

Precision = Literal["float32", "float16", "int8"]


class Deployed(nn.Module):
    """A fitted network with normalisation of its input and conversion of its output.

    Shape:
        x (B, C, T), lengths (B,) or None -> probabilities (B, n_classes), or predictions (B,)
    """

    def __init__(self, estimator):
        super().__init__()
        copied = estimator.net_.copied_for_hooks()
        self.network = copied.module_.cpu()  # the estimator stays on its device
        self.normalizes = estimator._input_options.normalize == "series"
        self.classifies = is_classifier(estimator)
        if not self.classifies:
            self.mean, self.scale = estimator.target_mean_, estimator._output_scale()
            self.least, self.largest = estimator._output_range()

    def extra_repr(self):
        target = () if self.classifies else ("mean", "scale", "least", "largest")
        return repr_of(self, "normalizes", "classifies", *target)

    def forward(self, x, lengths=None):
        if self.normalizes:
            x = normalized(x, lengths)
        outputs = self.network(x, lengths).double()
        if self.classifies:
            return outputs.softmax(dim=1).float()
        predictions = outputs[:, 0] * self.scale + self.mean
        return predictions.clamp(self.least, self.largest).float()


class DeployedEnsemble(nn.Module):
    """The weighted average of deployed members.

    Shape:
        As Deployed.
    """

    def __init__(self, estimators, weights):
        super().__init__()
        self.members = nn.ModuleList(map(Deployed, estimators))
        n = len(estimators)
        weights = [1 / n] * n if weights is None else weights
        self.register_buffer("weights", torch.as_tensor(weights, dtype=torch.float32))

    def forward(self, x, lengths=None):
        answers = torch.stack([member(x, lengths) for member in self.members], dim=-1)
        return answers @ self.weights


def normalized(x, lengths=None):
    """Scale each channel of each series to mean 0 and standard deviation 1 (normalize="series").

    Shape:
        x (B, C, T), lengths (B,) or None -> (B, C, T), 0 beyond the end of a series
    """
    x = x.double()
    mask = torch.ones_like(x[:, :1]) if lengths is None else padding_mask(lengths, x.shape[2])
    count = mask.sum(dim=2, keepdim=True)
    x = x * mask
    x = x / x.abs().amax(dim=2, keepdim=True).clamp(min=1e-300)  # as skts.input.validation does it
    centred = (x - x.sum(dim=2, keepdim=True) / count) * mask
    deviation = (centred.square().sum(dim=2, keepdim=True) / count).sqrt()
    return torch.where(deviation > 1e-12, centred / deviation.clamp(min=1e-12), 0.0).float()


@torch_defaults()
def export_onnx(
    estimator: SeriesEstimator | Ensemble,
    path: str | os.PathLike[str],
    *,
    dynamic_time: bool = False,
    precision: Precision = "float32",
    calibration: ArrayLike | None = None,
) -> None:
    """Write a fitted estimator as an ONNX model.

    The input of the model is ``x``, float32 (n, C, T) for any n, without missing values. If the
    training series differed in length, there is also ``lengths``, int64 (n,), and series are padded
    at their ends. The output is ``probabilities``, float32 (n, n_classes), or ``predictions``,
    float32 (n,). The model includes normalisation and softmax. An estimator fitted in bfloat16 is
    exported in float32. The entry ``skts`` of the metadata is JSON with the classes (dates and
    times in ISO 8601) and, with `dynamic_time`, the smallest number of time points
    (``min_timepoints``).

    Parameters
    ----------
    estimator : classifier, regressor or ensemble of skts
        Fitted.
    path : str or path
        An existing file is replaced when the new one is complete, and keeps its mode.
    dynamic_time : bool, default=False
        Whether the model takes series of any length. Otherwise it takes `n_timepoints_in_`. This
        is for networks that take any length, such as FCN, ConvLSTM, ALSTM and LSTMALSTM, LSTMFCN
        with ``dimension_shuffle=False``, and CNN and LSTM with ``pooling="average"``. It is not
        for ALSTMFCN and MALSTMFCN, because the exporter unrolls their attention over time. Series
        for CNN must be long enough for every max-pooling: 4 time points for two of them.
    precision : {"float32", "float16", "int8"}, default="float32"
        "float16" stores weights in half of the bytes and computes in float32. "int8" computes
        convolutions and linear layers in 8-bit integers, with a scale for each channel of their
        weights; recurrent layers store their weights in float16. Inputs and outputs are float32,
        all other values are float32 or float64. compare_onnx measures the differences.
    calibration : array-like, optional
        Required with ``precision="int8"``, not allowed otherwise: about a hundred series as for
        `predict`, for example training series. They set the input range of each layer.

    Raises
    ------
    TypeError
        If `estimator` is not such an estimator.
    NotFittedError
        If it is not fitted.
    ValueError
        If the network does not allow `dynamic_time`, an operator of the network cannot be
        exported (the message names it), or `precision` or `calibration` is not as described.
    OSError
        If the file cannot be written, as in skts.save.
    ModuleNotFoundError
        If onnxscript or, for int8, onnxruntime is not installed; the extra ``onnx`` installs
        them.

    Examples
    --------
    >>> import tempfile, pathlib, skts
    >>> from skts.datasets import load_ucr
    >>> X, y = load_ucr("ItalyPowerDemand", split="train")
    >>> clf = skts.FCNClassifier(max_epochs=2, random_state=0).fit(X, y)
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "fcn.onnx"
    >>> skts.export_onnx(clf, path)
    >>> path.exists()
    True
    """
    check_one_of("precision", precision, get_args(Precision))
    if (calibration is not None) != (precision == "int8"):
        raise ValueError(
            "calibration is required with precision='int8' and not allowed otherwise, got "
            f"calibration={'None' if calibration is None else 'series'} with {precision=}. "
            + (
                "Pass training series: calibration=X"
                if calibration is None
                else "Leave out calibration, or set precision='int8'"
            )
        )
    with needs("onnx", "export_onnx"):
        import onnx
        import onnx_ir
        import onnxscript  # noqa: F401 (torch.onnx imports it)

        if precision == "int8":
            import onnxruntime.quantization  # noqa: F401 (skts.export.compression does)
    check_writable(path)  # before the long work
    if precision == "int8":
        first = members_of(estimator)[0]
        fixed = None if dynamic_time else first.n_timepoints_in_
        lengths = first.unequal_length_in_
        batches = inputs_of(estimator, calibration, n_timepoints=fixed, takes_lengths=lengths)
    model, told = _translated(estimator, dynamic_time, precision)
    shortened(model)
    if precision == "float16":
        in_float16(model)
    elif precision == "int8":
        model = in_int8(model, batches)
    without_notes(model)
    model.metadata_props["skts"] = json.dumps(told, default=str)
    formats = onnx.serialization.registry
    kind = formats.get_format_from_file_extension(Path(path).suffix) or "protobuf"
    replace_file(path, formats.get(kind).serialize_proto(onnx_ir.to_proto(model)))


def _translated(estimator, dynamic_time, precision):
    """Return the model of torch's exporter, and the metadata to add."""
    from skts.export.operators import (  # which registers an operator with torch
        TRANSLATIONS,
        in_single_precision,
        with_onnx_layers,
    )

    module, example, shapes = _with_example(estimator, dynamic_time)
    if precision == "int8":
        in_single_precision(module)
    program = _program(estimator, with_onnx_layers(module), example, shapes)
    output = "probabilities" if is_classifier(estimator) else "predictions"
    with _quiet():
        try:
            model = torch.onnx.export(
                program,
                input_names=list(example),
                output_names=[output],
                custom_translation_table=TRANSLATIONS,
                dynamo=True,
                verbose=False,
            ).model  # type: ignore[union-attr]  # only the exporter without dynamo returns None
        except torch.onnx.OnnxExporterError as error:
            raise ValueError(_refused(estimator, error)) from error
    told = (
        {"classes": json_labels(estimator.classes_)}
        if isinstance(estimator, ProbabilisticClassifier)
        else {}
    )
    if dynamic_time:
        told["min_timepoints"] = _least(program)
    return model, told


@torch_defaults()
def exported_program(
    estimator: SeriesEstimator | Ensemble, *, dynamic_time: bool = False
) -> torch.export.ExportedProgram:
    """Return a fitted estimator as a program of torch.export, which torch.export.save can write.

    Parameters
    ----------
    estimator : classifier, regressor or seed ensemble of skts
        As in export_onnx.
    dynamic_time : bool, default=False
        As in export_onnx, but torch.export unrolls every recurrent layer. FCN, ALSTM and CNN
        allow it.

    Returns
    -------
    torch.export.ExportedProgram
        Its ``module()`` takes `x` and, if the training series differed in length, `lengths`, like
        the ONNX model.

    Raises
    ------
    TypeError, NotFittedError, ValueError
        As in export_onnx.

    Examples
    --------
    >>> import torch, skts
    >>> from skts.datasets import load_ucr
    >>> from skts.export import exported_program
    >>> X, y = load_ucr("ItalyPowerDemand", split="train")
    >>> clf = skts.FCNClassifier(max_epochs=2, random_state=0).fit(X, y)
    >>> program = exported_program(clf)
    >>> program.module()(x=torch.as_tensor(X[:5, None]).float()).shape
    torch.Size([5, 2])
    """
    return _program(estimator, *_with_example(estimator, dynamic_time))


def json_labels(labels):
    """Return labels as values of JSON, with dates in ISO 8601."""
    if labels.dtype.kind in "mM":
        return labels.astype(str).tolist()
    return [label.item() if isinstance(label, np.generic) else label for label in labels]


def _program(estimator, module, example, shapes):
    with _quiet():
        try:
            return torch.export.export(module, (), kwargs=example, dynamic_shapes=shapes)
        except RuntimeError as error:  # torch's export errors derive from it
            if "size()[2]" not in str(error):
                raise ValueError(_refused(estimator, error)) from error
            raise ValueError(
                f"this {type(estimator).__name__} cannot be exported with dynamic_time=True: the "
                "exporter unrolls its network for inputs of shape "
                f"{tuple(example['x'].shape)}. Use dynamic_time=False"
            ) from error


def _refused(estimator, error):
    """Return the message of the root cause, which names the operator."""
    while error.__cause__ is not None:
        error = error.__cause__
    reason = str(error).strip().partition("\n")[0]
    return f"the network of {type(estimator).__name__} cannot be exported: {reason}"


def _least(program):
    """Return the smallest number of time points that the program takes."""
    (x,) = (node for node in program.graph.nodes if node.name == "x")
    return int(program.range_constraints[x.meta["val"].shape[2].node.expr].lower)


def _with_example(estimator, dynamic_time):
    """Return the module to export on the CPU, example inputs, and their dynamic axes."""
    members = members_of(estimator)
    module = (
        DeployedEnsemble(members, estimator._member_weights())
        if isinstance(estimator, Ensemble)
        else Deployed(estimator)
    )
    first = members[0]
    n_times = first.n_timepoints_in_
    for member in members:
        if dynamic_time and member._input_options.lengths != "any":
            raise ValueError(
                f"dynamic_time must be False, because the network of {type(member).__name__} has "
                f"inputs of fixed length, {n_times} time points"
            )
    shape = {0: torch.export.Dim("n", min=1)}
    if dynamic_time:
        shape[2] = torch.export.Dim.DYNAMIC
    example = {"x": torch.zeros(3, first.n_channels_in_, n_times)}
    shapes = {"x": shape}
    if first.unequal_length_in_:
        example["lengths"] = torch.full((3,), n_times)
        shapes["lengths"] = {0: shape[0]}
    return module.eval(), example, shapes


@contextlib.contextmanager
def _quiet():
    """Silence warnings and log messages of the exporters about internals of torch."""
    logger = logging.getLogger("torch.onnx._internal.exporter._registration")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
