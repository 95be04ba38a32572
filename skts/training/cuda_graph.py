"""Training steps as CUDA graphs."""

import contextlib
import warnings

import torch


class CapturedStep:
    """A training step that is captured in a CUDA graph after a few runs, and then replayed.

    A graph repeats the same kernels on the same memory, without Python between them. It works for
    batches with the shapes of the first batch; other batches run without it. If the step cannot be
    captured, all batches run without a graph, and a warning says so.

    Parameters
    ----------
    step : callable
        Takes a batch ``(dict of tensors, targets)`` and returns a dict of tensors.
    device : torch.device
        The CUDA device of the step.
    """

    warm_up = 3  # steps before the capture, on a separate stream, as torch requires

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
        self.steps_to_capture = -1  # do not try again
        inputs, target = batch  # on the device, or streamed from the CPU
        self.batch = (
            {name: torch.empty_like(tensor, device=self.device) for name, tensor in inputs.items()},
            torch.empty_like(target, device=self.device),
        )
        graph, cause = torch.cuda.CUDAGraph(), None
        try:
            with (
                torch.cuda.stream(self.stream),  # restores the stream if the capture fails
                torch.cuda.graph(graph, stream=self.stream, capture_error_mode="thread_local"),
            ):
                try:
                    self.outputs = _detached(self.step(self.batch))
                except BaseException as error:
                    cause = error  # the end of the capture can raise a less informative error
                    raise
        except RuntimeError as error:
            cause = cause or error
            if not isinstance(cause, RuntimeError):
                raise cause from None
            warnings.warn(
                f"training continues without a CUDA graph, which the step does not allow: {cause}",
                RuntimeWarning,
                stacklevel=2,
            )
        else:
            self.graph = graph


@contextlib.contextmanager
def capturable(optimizer, device):
    """Make the optimiser's step capturable during the block.

    A graph would repeat the learning rates as constants. So they are tensors on the device during
    the block. Afterwards they are numbers again, as history, schedulers and files require.
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
    """Move the optimiser's step counters to the device if they are tensors."""
    for state in optimizer.state.values():
        if isinstance(state.get("step"), torch.Tensor):
            state["step"] = state["step"].to(device)


def _detached(outputs):
    return {name: tensor.detach() for name, tensor in outputs.items()}


def _tensors_of(batch):
    inputs, target = batch
    return [*inputs.values(), target]
