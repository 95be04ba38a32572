import pytest
import torch


@pytest.fixture(autouse=True)
def one_thread_each():
    """The tests run in two processes, and numba, where a test uses it, frees torch's threads."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def same_numbers_in_every_run():
    """Tests draw inputs from torch's global generator; no tolerance should hold by luck."""
    torch.manual_seed(0)
