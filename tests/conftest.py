import torch

# the tests run in two processes: one thread each
torch.set_num_threads(1)
