"""ONNX models in fewer bits: weights in half precision, or layers in integers."""

import tempfile
from pathlib import Path

import numpy as np

#: Of layers those inputs that are weights.
WEIGHTS = {"Conv": (1,), "Gemm": (1,), "MatMul": (1,)} | dict.fromkeys(
    ("LSTM", "GRU", "RNN"), (1, 2)
)
#: What int8 runs in integers, and what keeps its range where it comes next.
IN_INTEGERS, RANGE_KEPT = ("Conv", "Gemm", "MatMul"), ("Relu", "MaxPool")
#: What stands between a weight and its layer.
MOVES = ("Cast", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze")
FEW = 128  # values whose node would take more bytes than half of them
LARGEST = float(np.finfo(np.float16).max)


def shortened(model):
    """The same model, in place, without axes that are taken away and put back.

    Layers then follow each other directly, and onnxruntime fuses them.
    """
    from onnxscript.rewriter import RewriteRule, rewrite

    there_and_back = RewriteRule(
        lambda op, x, axes: op.Unsqueeze(op.Squeeze(x, axes), axes),
        lambda op, x, axes: op.Identity(x),
    )
    return rewrite(model, [there_and_back])


def without_notes(model):
    """The same model, in place, without what no runtime reads.

    torch notes of every node its lines of code, with the folders that they lie in, and onnxruntime
    sets of operators that it knows beside ONNX's.
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
    """The same model, in place: the weights of these layers in float16, and computed as before.

    So no value overflows, and what compares values or sums them finds those of float32.
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
    """The stored weight that a value is, or None."""
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
    """A model whose convolutions and linear layers are in integers; recurrent weights in float16.

    `batches` are inputs by name. The ranges of the layers' inputs are those found on them.
    """
    import onnx_ir
    from onnxruntime.quantization import QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory() as folder:
        single, fused, inferred, integer = (str(Path(folder) / f"{i}.onnx") for i in range(4))
        onnx_ir.save(model, single)
        _fuse(single, fused)
        names = _quantizable(onnx_ir.load(fused))
        if not names:  # of which onnxruntime would make all
            raise ValueError(
                "int8 is for convolutions and linear layers, and the network has none. Use "
                "precision='float16'"
            )
        quant_pre_process(fused, inferred, skip_optimization=True, skip_symbolic_shape=True)
        with np.errstate(divide="ignore", invalid="ignore"):  # a layer may read zeros alone
            quantize_static(
                inferred,
                integer,
                _Reader(batches),
                nodes_to_quantize=names,
                per_channel=True,
                reduce_range=True,  # else sums overflow on processors without VNNI
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                extra_options={"OpTypesToExcludeOutputQuantization": ["Gemm", "MatMul"]},
            )
        model = onnx_ir.load(integer)
    return in_float16(model, ("LSTM", "GRU", "RNN"))


def _fuse(path, fused):
    """Write the model as onnxruntime has it: batch normalisation in the convolution ahead of it."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = fused
    onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _quantizable(model):
    """The names of the nodes that int8 is for; kernels whose outputs are compared have none."""
    names = []
    for node in model.graph:
        is_layer = node.op_type in IN_INTEGERS and node.inputs[1].is_initializer()
        if node.op_type in RANGE_KEPT or (is_layer and len(node.inputs[1].shape) > 1):
            names.append(node.name)
    return names


class _Reader:
    """Batches as onnxruntime asks for them."""

    def __init__(self, batches):
        self.batches = iter(batches)

    def get_next(self):
        return next(self.batches, None)
