"""Compression of ONNX models: weights in half precision, or layers in 8-bit integers."""

import tempfile
from pathlib import Path

import numpy as np

#: Positions of the inputs that are weights, by operator.
WEIGHTS = {"Conv": (1,), "Gemm": (1,), "MatMul": (1,)} | dict.fromkeys(
    ("LSTM", "GRU", "RNN"), (1, 2)
)
#: Operators that int8 runs in integers, and operators after them that keep the range of values.
IN_INTEGERS, RANGE_KEPT = ("Conv", "Gemm", "MatMul"), ("Relu", "MaxPool")
#: Operators that may come between a weight and its layer.
MOVES = ("Cast", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze")
FEW = 128  # values; for fewer, the Cast node takes more bytes than float16 saves
LARGEST = float(np.finfo(np.float16).max)


def shortened(model):
    """Remove, in place, pairs of operators that drop an axis and add it again.

    Layers then follow each other directly, so onnxruntime can fuse them.
    """
    from onnxscript.rewriter import RewriteRule, rewrite

    there_and_back = RewriteRule(
        lambda op, x, axes: op.Unsqueeze(op.Squeeze(x, axes), axes),
        lambda op, x, axes: op.Identity(x),
    )
    return rewrite(model, [there_and_back])


def without_notes(model):
    """Remove, in place, metadata that no runtime reads.

    torch stores the source lines of every node, with the paths of their files. onnxruntime lists
    its own sets of operators beside those of ONNX.
    """
    noted = [model, model.graph, *model.graph.inputs, *model.graph.initializers.values()]
    for node in model.graph.all_nodes():
        noted += [node, *node.outputs]
    for thing in noted:
        thing.metadata_props.clear()
    used = {node.domain for node in model.graph.all_nodes()}
    for domain in model.opset_imports.keys() - used:
        del model.opset_imports[domain]
    return model


def in_float16(model, operators=tuple(WEIGHTS)):
    """Store the weights of these operators in float16, in place; computation is as before.

    Casts restore float32, so values do not overflow, and comparisons and sums are in float32.
    """
    weights = {}
    for node in model.graph.all_nodes():
        if node.op_type in operators:
            found = (_stored(node.inputs[place]) for place in WEIGHTS[node.op_type])
            weights |= {value.name: value for value in found if value is not None}
    for value in weights.values():
        values = value.const_value.numpy()
        if values.dtype.kind == "f" and values.size > FEW and np.abs(values).max() <= LARGEST:
            _halve(model.graph, value, values)
    return model


def _stored(value):
    """Return the stored weight that a value comes from, or None."""
    while value.producer() is not None and value.producer().op_type in MOVES:
        value = value.producer().inputs[0]
    return value if value.is_initializer() else None


def _halve(graph, value, values):
    import onnx_ir

    name = f"{value.name}_float16"
    half = onnx_ir.val(name, const_value=onnx_ir.tensor(values.astype(np.float16), name=name))
    cast = onnx_ir.node("Cast", [half], attributes={"to": value.dtype.value})
    graph.register_initializer(half)
    graph.insert_before(graph[0], cast)
    value.replace_all_uses_with(cast.outputs[0])
    del graph.initializers[value.name]


def in_int8(model, batches):
    """Return a model with 8-bit convolutions and linear layers, and recurrent weights in float16.

    `batches` are inputs by name, which set the ranges of the inputs of layers.
    """
    import onnx_ir
    from onnxruntime.quantization import QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory() as folder:
        single, fused, inferred, integer = (str(Path(folder) / f"{i}.onnx") for i in range(4))
        onnx_ir.save(model, single)
        _fuse(single, fused)
        names = _quantizable(onnx_ir.load(fused))
        if not names:  # onnxruntime would quantise all nodes
            raise ValueError(
                "precision='int8' needs convolutions or linear layers, and the network has none. "
                "Use precision='float16'"
            )
        quant_pre_process(fused, inferred, skip_optimization=True, skip_symbolic_shape=True)
        with np.errstate(divide="ignore", invalid="ignore"):  # inputs of a layer may all be zero
            quantize_static(
                inferred,
                integer,
                _Reader(batches),
                nodes_to_quantize=names,
                per_channel=True,
                reduce_range=True,  # otherwise, sums overflow on processors without VNNI
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                extra_options={"OpTypesToExcludeOutputQuantization": ["Gemm", "MatMul"]},
            )
        model = onnx_ir.load(integer)
    return in_float16(model, ("LSTM", "GRU", "RNN"))


def _fuse(path, fused):
    """Write the model after onnxruntime fused each batch normalisation with its convolution."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = fused
    onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _quantizable(model):
    """Return the names of nodes for int8, without kernels whose outputs are compared."""
    names = []
    for node in model.graph:
        is_layer = node.op_type in IN_INTEGERS and node.inputs[1].is_initializer()
        if node.op_type in RANGE_KEPT or (is_layer and len(node.inputs[1].shape) > 1):
            names.append(node.name)
    return names


class _Reader:
    """Batches with the interface of onnxruntime's calibration."""

    def __init__(self, batches):
        self.batches = iter(batches)

    def get_next(self):
        return next(self.batches, None)
