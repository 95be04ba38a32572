"""A training step that CUDA replays."""

import contextlib
import warnings

import torch


class CapturedStep:
    """A training step that CUDA replays from a graph, once it has run a few times.

    A graph repeats the same kernels on the same memory, without Python between them. It holds for
    batches of the first one's shapes; others are stepped through as they come. So are all, with a
    warning, where the step cannot be captured.

    Parameters
    ----------
    step : callable
        Takes a batch ``(dict of tensors, targets)``; returns a dict of tensors.
    device : torch.device
        The CUDA device that it runs on.
    """

    warm_up = 3  # steps before the capture, on a stream of their own, as torch asks for

    def __init__(self, step, device):
        self.step = step
        self.device = device
        self.shapes = self.graph = None
        self.stream = torch.cuda.Stream(device)
        self.steps_to_capture = self.warm_up

    def __call__(self, batch):
        shapes = [tensor.shape for tensor in _tensors_of(batch)]
        self.shapes = self.shapes or shapes
        if shapes == self.shapes and self.steps_to_capture == 0:
            self._capture(batch)
        if shapes != self.shapes or self.graph is None:
            self.steps_to_capture -= shapes == self.shapes
            return self._run_on_side_stream(batch)
        for held, tensor in zip(_tensors_of(self.batch), _tensors_of(batch), strict=True):
            held.copy_(tensor, non_blocking=True)
        self.graph.replay()
        return {name: tensor.clone() for name, tensor in self.outputs.items()}

    def _run_on_side_stream(self, batch):
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            outputs = _detached(self.step(batch))
        torch.cuda.current_stream().wait_stream(self.stream)
        return outputs

    def _capture(self, batch):
        self.steps_to_capture = -1  # this is tried once
        inputs, target = batch  # on the device, or streamed from elsewhere
        self.batch = (
            {name: torch.empty_like(tensor, device=self.device) for name, tensor in inputs.items()},
            torch.empty_like(target, device=self.device),
        )
        graph, cause = torch.cuda.CUDAGraph(), None
        try:
            with (
                torch.cuda.stream(self.stream),  # which the graph does not leave after an error
                torch.cuda.graph(graph, stream=self.stream, capture_error_mode="thread_local"),
            ):
                try:
                    self.outputs = _detached(self.step(self.batch))
                except BaseException as error:
                    cause = error  # the end of the capture may raise another one, which says less
                    raise
        except RuntimeError as error:
            cause = cause or error
            if not isinstance(cause, RuntimeError):
                raise cause from None
            warnings.warn(
                f"training goes on without a CUDA graph, which the step does not allow: {cause}",
                RuntimeWarning,
                stacklevel=2,
            )
        else:
            self.graph = graph


@contextlib.contextmanager
def capturable(optimizer, device):
    """Let a graph repeat the optimiser's step for the block.

    A graph repeats numbers as they were. So the learning rates are tensors on the device meanwhile,
    and numbers again afterwards, as history, schedulers and files need them.
    """
    for group in optimizer.param_groups:
        group["capturable"] = True
        group["lr"] = torch.as_tensor(group["lr"], dtype=torch.float32, device=device)
    put_steps(optimizer, device)
    try:
        yield
    finally:
        for group in optimizer.param_groups:
            group["capturable"], group["lr"] = False, float(group["lr"])


def put_steps(optimizer, device):
    """Where the optimiser counts steps in tensors, put these on the device."""
    for state in optimizer.state.values():
        if isinstance(state.get("step"), torch.Tensor):
            state["step"] = state["step"].to(device)


def _detached(outputs):
    return {name: tensor.detach() for name, tensor in outputs.items()}


def _tensors_of(batch):
    inputs, target = batch
    return [*inputs.values(), target]
