"""CUDA pretended on the CPU: what the package does with a device, tested where there is none.

Tensors on a pretended device say ``cuda:N``, hold their numbers on the CPU and refuse to meet a
tensor elsewhere. What the program waits for is written down. A graph records the operators of its
capture, which itself computes nothing that stays, and repeats them in the same memory. Contexts of
devices, streams and captures are torch's own.

Streams order nothing here, kernels are those of the CPU, and time tells nothing.
"""

import contextlib
import warnings
from collections import Counter
from types import SimpleNamespace

import pytest
import torch
from torch.optim.optimizer import Optimizer, _foreach_supported_types
from torch.overrides import TorchFunctionMode
from torch.utils._mode_utils import no_dispatch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_leaves, tree_map, tree_unflatten

aten = torch.ops.aten

#: Operators whose result, or the shape of it, the program waits for.
WAITS = {
    aten._local_scalar_dense.default,
    aten.equal.default,
    aten.is_nonzero.default,
    aten.masked_select.default,
    aten.nonzero.default,
    aten.repeat_interleave.Tensor,
    aten.unique_consecutive.default,
}
INDEXING = {aten.index.Tensor, aten.index_put.default, aten.index_put_.default}
RECURRENT = (torch.lstm, torch.gru, torch.rnn_tanh, torch.rnn_relu)


def waits(func, args):
    """Whether the program waits for an operator of torch."""
    by_mask = func in INDEXING and any(
        isinstance(index, torch.Tensor) and index.dtype in (torch.bool, torch.uint8)
        for index in args[1]
    )
    return by_mask or func in WAITS


class WaitDetector(TorchDispatchMode):
    """Counts the operators within it that a program would wait for on a device."""

    def __init__(self):
        super().__init__()
        self.found = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if waits(func, args):
            self.found[str(func)] += 1
        return func(*args, **(kwargs or {}))


class OnCuda(torch.Tensor):
    """A tensor that says it is on a pretended device; `inner` holds its numbers."""

    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, inner, machine, index):
        return torch.Tensor._make_wrapper_subclass(
            cls,
            inner.shape,
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
        )

    def __init__(self, inner, machine, index):
        self.inner, self.machine, self.index = inner, machine, index

    def __repr__(self, **kwargs):
        return f"{self.inner!r} on cuda:{self.index}"

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        first = next(t for t in tree_leaves((args, kwargs)) if isinstance(t, OnCuda))
        return first.machine.run(func, args, kwargs)


def inner_of(value):
    return value.inner if isinstance(value, OnCuda) else value


def block_of(tensor):
    """The block of memory that a tensor lies in."""
    return inner_of(tensor).untyped_storage()._cdata


class Machine(TorchFunctionMode):
    """One with `n` pretended devices, for torch functions called while it is entered."""

    def __init__(self, n):
        super().__init__()
        self.n, self.current = n, 0
        self.default_streams = [Stream(self, index) for index in range(n)]
        self.streams = [*self.default_streams]  # the current one of each device
        self.free_memory = 2**33
        self.waits = []  # what the program waited for
        self.n_replays = 0
        self.capture = None
        of = torch.Tensor
        self.handlers = {
            of.device.__get__: self.device_of,
            of.is_cuda.__get__: lambda tensor: isinstance(tensor, OnCuda),
            of.get_device: lambda tensor: getattr(tensor, "index", -1),
            of.data_ptr: lambda tensor: inner_of(tensor).data_ptr(),
            of.tolist: self._tolist,
            of.numpy: self._numpy,
            of.__array__: self._numpy,
            of.__deepcopy__: self._deepcopy,
            of.__reduce_ex__: self._reduce,
            of.to: self._to,
            of.cpu: lambda tensor: self._to(tensor, "cpu"),
            of.cuda: lambda tensor, device="cuda": self._to(tensor, device),
            of.pin_memory: lambda tensor, device=None: tensor,
            torch._cudnn_rnn_flatten_weight: self._flatten,
        }

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if func in self.handlers:
            return self.handlers[func](*args, **kwargs)
        if func in RECURRENT and isinstance(args[0], OnCuda):
            check_recurrent(args[2])
        if isinstance(kwargs.get("device"), str | torch.device):
            device = torch.device(kwargs["device"])
            if device.type in ("cpu", "cuda"):
                return self._made(func, args, kwargs, device)
        return func(*args, **kwargs)

    def run(self, func, args, kwargs):
        """An operator on pretended tensors, which must be on one device."""
        leaves, spec = tree_flatten((args, kwargs))
        tensors = [t for t in leaves if isinstance(t, torch.Tensor)]
        # a tensor without axes on the CPU is a number, which goes anywhere
        places = {str(self.device_of(t)) for t in tensors if isinstance(t, OnCuda) or t.ndim}
        if len(places) > 1 and func is not aten.copy_.default:
            raise RuntimeError(
                f"Expected all tensors to be on the same device, but found {places}: {func}"
            )
        copied_at_once = len(places) > 1 and not any(arg is True for arg in leaves)
        if waits(func, args) or copied_at_once:
            self.wait(str(func))
        if torch.Tag.inplace_view in func.tags:
            return self._reshaped(func, *args)
        inner = [inner_of(leaf) for leaf in leaves]
        if self.capture is not None:  # numbers are kept as they are now
            on_cpu = {id(t) for t in tensors if not isinstance(t, OnCuda)}
            inner = [leaf.clone() if id(leaf) in on_cpu else leaf for leaf in inner]
        args, kwargs = tree_unflatten(inner, spec)
        if self.capture is None:
            out = func(*args, **kwargs)
        else:
            out = self.capture.recorded(func, args, kwargs)
        known = {id(inner_of(t)): t for t in tensors}
        index = next(t for t in tensors if isinstance(t, OnCuda)).index

        def outer(value):
            if not isinstance(value, torch.Tensor):
                return value
            return known[id(value)] if id(value) in known else OnCuda(value, self, index)

        return tree_map(outer, out)

    def _reshaped(self, func, tensor, *args):
        """The tensor itself in another shape."""
        name = func._schema.name.removeprefix("aten::").rstrip("_")
        view = getattr(getattr(aten, name), "int" if name == "transpose" else func._overloadname)
        tensor.inner = view(tensor.inner, *args)
        with no_dispatch():
            return func(tensor, *args)

    def wait(self, what):
        if self.capture is not None:
            self.capture.is_broken = True
            raise RuntimeError(f"operation not permitted when stream is capturing: {what}")
        self.waits.append(what)

    def device_of(self, tensor):
        if isinstance(tensor, OnCuda):
            return torch.device("cuda", tensor.index)
        return torch.Tensor.device.__get__(tensor)

    def index_of(self, device):
        """Of a torch device, its name, its index or None, which is the current one."""
        if not isinstance(device, int | None):
            device = torch.device(device).index
        index = self.current if device is None else device
        if index >= self.n:
            raise RuntimeError(f"CUDA error: invalid device ordinal {index}")
        return index

    # what torch makes, moves and copies

    def _made(self, func, args, kwargs, device):
        kwargs.pop("device")
        if func is torch.as_tensor and isinstance(args[0], torch.Tensor):
            return self._to(args[0], device, **kwargs)
        if device.type == "cpu":
            return func(*tree_map(inner_of, args), **kwargs)
        if func in (torch.as_tensor, torch.tensor):
            self.wait("numbers from the CPU")
        needs_grad = kwargs.pop("requires_grad", False)
        args = tree_map(inner_of, args)
        if self.capture is None:
            out = func(*args, **kwargs)
        else:
            out = self.capture.recorded(func, args, kwargs)
        if func is torch.empty_like:
            out.zero_()  # a capture, which here computes, may take it for the index of a class
        return OnCuda(out, self, self.index_of(device)).requires_grad_(needs_grad)

    def _to(self, tensor, *args, **kwargs):
        device, dtype, non_blocking, _ = torch._C._nn._parse_to(*args, **kwargs)
        if device is None:
            return tensor.to(*args, **kwargs)
        if dtype is not None:
            tensor = tensor.to(dtype)
        if device.type == "cuda":
            device = torch.device("cuda", self.index_of(device))
        if device == self.device_of(tensor):
            return tensor
        assert tensor.is_leaf or not torch.is_grad_enabled(), "no gradient from device to device"
        if not non_blocking:
            self.wait(f"a copy to {device}")
        data = inner_of(tensor).detach().clone()
        moved = data if device.type == "cpu" else OnCuda(data, self, device.index)
        return moved.requires_grad_(tensor.requires_grad)

    def _tolist(self, tensor):
        if isinstance(tensor, OnCuda):
            self.wait("tolist")
        return inner_of(tensor).tolist()

    def _numpy(self, tensor, *args, **kwargs):
        if isinstance(tensor, OnCuda):
            raise TypeError(f"can't convert {self.device_of(tensor)} device type tensor to numpy")
        return tensor.numpy(*args, **kwargs)

    def _deepcopy(self, tensor, memo):
        if not isinstance(tensor, OnCuda):
            return torch.Tensor.__deepcopy__(tensor, memo)
        copied = OnCuda(tensor.inner.clone(), self, tensor.index)
        if isinstance(tensor, torch.nn.Parameter):
            copied = torch.nn.Parameter(copied, tensor.requires_grad)
        memo[id(tensor)] = copied
        return copied

    def _reduce(self, tensor, protocol):
        if not isinstance(tensor, OnCuda):
            return torch.Tensor.__reduce_ex__(tensor, protocol)
        is_parameter = isinstance(tensor, torch.nn.Parameter)
        array = tensor.inner.detach().numpy().copy()  # what else torch would map to a device itself
        return rebuilt, (array, tensor.index, tensor.requires_grad, is_parameter)

    def _flatten(self, weights, *args):
        flat, start = torch.cat([weight.inner.flatten() for weight in weights]), 0
        for weight in weights:
            stop = start + weight.inner.numel()
            weight.inner, start = flat[start:stop].view_as(weight.inner), stop


def rebuilt(array, index, requires_grad, is_parameter):
    """A pickled tensor on its device again, or where skorch maps it to if that is not there."""
    tensor = torch.from_numpy(array)
    if torch.cuda.is_available():
        tensor = tensor.to(f"cuda:{index if index < torch.cuda.device_count() else 0}")
    return torch.nn.Parameter(tensor, requires_grad) if is_parameter else tensor


def check_recurrent(weights):
    """What cuDNN does with a recurrent layer that is not for it."""
    if len({block_of(weight) for weight in weights}) > 1:
        warnings.warn(
            "RNN module weights are not part of single contiguous chunk of memory", stacklevel=2
        )
    if torch.is_autocast_enabled("cuda"):
        raise RuntimeError("under autocast cuDNN runs recurrent layers in float16")


class Stream:
    def __init__(self, machine, device=None):
        self.machine, self.device = machine, torch.device("cuda", machine.index_of(device))

    def wait_stream(self, other):
        pass

    def is_capturing(self):
        return self.machine.capture is not None


class Capture:
    """Operators on the very tensors that they had."""

    def __init__(self):
        self.tape = []
        self.before = {}  # blocks of memory that were written to, as they were
        self.is_broken = False

    def recorded(self, func, args, kwargs):
        schema = getattr(func, "_schema", None)  # which torch's functions that make tensors lack
        if schema is not None and schema.is_mutable:
            for place, argument in enumerate(schema.arguments):
                if argument.is_write:
                    value = args[place] if place < len(args) else kwargs[argument.name]
                    self._keep(tree_leaves(value))
        out = func(*args, **kwargs)
        if schema is None or not any(r.alias_info and not r.is_write for r in schema.returns):
            self.tape.append((func, args, kwargs, out))  # views need nothing
        return out

    def _keep(self, tensors):
        for tensor in tensors:
            block = tensor.untyped_storage()
            self.before.setdefault(block._cdata, (block, block.clone()))

    def undo(self):
        """Let nothing of it have been computed."""
        for *_, out in self.tape:
            for tensor in tree_leaves(out):
                if isinstance(tensor, torch.Tensor) and tensor.is_floating_point():
                    tensor.fill_(torch.nan)
        for block, before in self.before.values():
            block.copy_(before)

    def repeat(self):
        for func, args, kwargs, out in self.tape:
            for old, new in zip(tree_leaves(out), tree_leaves(func(*args, **kwargs)), strict=True):
                if isinstance(old, torch.Tensor) and old is not new:
                    old.copy_(new)


class Graph:
    def capture_begin(self, *args, **kwargs):
        self.generator = torch.get_rng_state()
        self.machine.capture = self.capture = Capture()

    def capture_end(self):
        self.machine.capture = None
        self.capture.undo()
        torch.set_rng_state(self.generator)
        if self.capture.is_broken:
            raise RuntimeError("operation failed due to a previous error during capture")

    def replay(self):
        self.machine.n_replays += 1
        self.capture.repeat()


def names_in_torch(machine):
    """What of torch is another thing on a pretended machine: module, name, that thing."""
    autocast, enabled, group = (
        torch.autocast,
        torch.is_autocast_enabled,
        Optimizer._group_tensors_by_device_and_dtype,
    )

    class Autocast(autocast):
        def __init__(self, device_type, **kwargs):
            super().__init__("cpu", **kwargs)

    def exchange(index):
        before = machine.current
        machine.current = before if index < 0 else index
        return before

    def grouped(lists, with_indices=False):
        groups = group(lists, with_indices).items()
        return {(of[0][0][0].device, dtype): of for (_, dtype), of in groups}

    def set_stream(stream):
        machine.current = stream.device.index
        machine.streams[machine.current] = stream

    cuda = {
        "is_available": lambda: True,
        "is_initialized": lambda: True,
        "device_count": lambda: machine.n,
        "current_device": lambda: machine.current,
        "set_device": lambda device: exchange(machine.index_of(device)),
        "_exchange_device": exchange,
        "_maybe_exchange_device": exchange,
        "Stream": lambda device=None: Stream(machine, device),
        "current_stream": lambda device=None: machine.streams[machine.index_of(device)],
        "set_stream": set_stream,
        "CUDAGraph": type("CUDAGraph", (Graph,), {"machine": machine}),
        "synchronize": lambda device=None: machine.wait("synchronize"),
        "empty_cache": lambda: None,
        "manual_seed": lambda seed: None,
        "get_rng_state": lambda device=None: torch.get_rng_state(),
        "set_rng_state": lambda state, device=None: None,
        "set_sync_debug_mode": lambda mode: None,
        "get_device_name": lambda device=None: "pretended",
        "get_device_capability": lambda device=None: (9, 0),
        "mem_get_info": lambda device=None: (machine.free_memory, 2**34),
        "memory_reserved": lambda device=None: 0,
        "memory_allocated": lambda device=None: 0,
    }
    accelerator = {
        "is_available": lambda: True,
        "current_accelerator": lambda check_available=False: torch.device("cuda"),
        "current_stream": lambda device=None: machine.streams[machine.current],
    }
    yield from ((torch.cuda, name, value) for name, value in cuda.items())
    yield from ((torch.accelerator, name, value) for name, value in accelerator.items())
    yield torch, "autocast", Autocast
    yield torch, "is_autocast_enabled", lambda device_type: enabled("cpu")
    yield torch.serialization, "default_restore_location", lambda storage, location: storage
    yield torch, "_use_cudnn_rnn_flatten_weight", lambda: True
    yield torch._C, "_host_emptyCache", lambda: None
    yield torch.backends.cudnn, "is_acceptable", lambda tensor: True
    yield torch.backends.cudnn, "rnn", SimpleNamespace(get_cudnn_mode=len)
    yield Optimizer, "_group_tensors_by_device_and_dtype", staticmethod(grouped)


@contextlib.contextmanager
def pretended_cuda(n=2):
    """A machine with `n` pretended devices for the block."""
    machine = Machine(n)
    with pytest.MonkeyPatch.context() as patch:
        for module, name, value in names_in_torch(machine):
            patch.setattr(module, name, value, raising=False)
        _foreach_supported_types.append(OnCuda)
        torch.__future__.set_overwrite_module_params_on_conversion(True)
        try:
            with machine:
                yield machine
        finally:
            torch.__future__.set_overwrite_module_params_on_conversion(False)
            _foreach_supported_types.remove(OnCuda)
    assert machine.streams == machine.default_streams
    assert machine.current == 0
