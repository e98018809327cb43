"""The processes of a comparison can use a GPU."""
import os

import pytest
import torch

from mmjtln.comparison.pool import Pool


def use_gpu() -> None:
    """Put something on the GPU, in a fork of a process with our imports."""
    torch.zeros(1, device='cuda')


def test_forks_ask_nvml_for_a_gpu(monkeypatch):
    """Unless the user has said otherwise; asked of the driver, it is lost."""
    # Set first, so that what Pool sets is taken back at the end.
    monkeypatch.setenv('PYTORCH_NVML_BASED_CUDA_CHECK', '')
    monkeypatch.delenv('PYTORCH_NVML_BASED_CUDA_CHECK')
    Pool(1, 1)
    assert os.environ['PYTORCH_NVML_BASED_CUDA_CHECK'] == '1'
    monkeypatch.setenv('PYTORCH_NVML_BASED_CUDA_CHECK', '0')
    Pool(1, 1)
    assert os.environ['PYTORCH_NVML_BASED_CUDA_CHECK'] == '0'


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
def test_forks_use_the_gpu():
    """No `Cannot re-initialize CUDA in forked subprocess`."""
    process = Pool(1, 1)._context.Process(target=use_gpu)
    process.start()
    process.join()
    assert process.exitcode == 0
