"""What holds for every test and doctest."""

import contextlib

import pytest
import torch

from tests.pretended_cuda import pretended_cuda

IS_CUDA_HERE = torch.cuda.is_available()


@pytest.fixture(autouse=True, scope="session")
def no_cuda():
    """On a machine with a CUDA device tests run as elsewhere, and so do the processes they start.

    First of all fixtures: those of modules train too.
    """
    with pytest.MonkeyPatch.context() as patch:
        hide_cuda(patch)
        yield patch


def hide_cuda(patch):
    patch.setattr(torch.cuda, "is_available", lambda: False)
    patch.setenv("CUDA_VISIBLE_DEVICES", "")


@pytest.fixture(autouse=True)
def cuda_where_marked(request, no_cuda):
    """Those that are marked for CUDA have it, or are skipped."""
    if request.node.get_closest_marker("cuda") is None:
        yield
        return
    if not IS_CUDA_HERE:
        pytest.skip("needs a CUDA device")
    no_cuda.undo()
    yield
    hide_cuda(no_cuda)


@pytest.fixture
def pretended():
    """A machine with two pretended CUDA devices."""
    with pretended_cuda() as machine:
        yield machine


@pytest.fixture(params=["pretended", pytest.param("real", marks=pytest.mark.cuda)])
def cuda(request):
    """A CUDA device, a pretended one and a real one in turn."""
    with pretended_cuda() if request.param == "pretended" else contextlib.nullcontext():
        yield


@pytest.fixture(autouse=True)
def one_thread_each():
    """The tests run in two processes, and numba, where a test uses it, frees torch's threads."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def same_numbers_in_every_run():
    """Tests draw inputs from torch's global generator; no tolerance should hold by luck."""
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def default_type_left_as_it_was():
    """torch has one default type for the process: a test that leaves another fails itself."""
    yield
    assert torch.get_default_dtype() == torch.float32
