"""Full precision whatever the user has set, and the setting put back."""
import threading

import pytest
import torch

from mmjtln.ot.precision import full_precision


@pytest.fixture
def low_precision():
    """Let float32 products be rounded, as training scripts do."""
    torch.set_float32_matmul_precision('medium')
    yield
    torch.set_float32_matmul_precision('highest')


def full_precision_is_set():
    """Whether a product keeps float32's last digits."""
    a, b = torch.rand(64, 256), torch.rand(256, 64)
    wrong = (a @ b).double() - a.double() @ b.double()
    return wrong.abs().max() < 1e-4


def test_setting_is_put_back(low_precision):
    """After the block, and after an error in it, all is as it was."""
    with full_precision('cpu'):
        pass
    assert torch.get_float32_matmul_precision() == 'medium'
    with pytest.raises(KeyError), full_precision('cpu'):
        raise KeyError
    assert torch.get_float32_matmul_precision() == 'medium'


def test_threads_in_one_another(low_precision):
    """A thread that leaves after another leaves the setting as it was."""
    entered, leave = threading.Event(), threading.Event()

    def stay():
        with full_precision('cpu'):
            entered.set()
            leave.wait()

    thread = threading.Thread(target=stay, daemon=True)
    with full_precision('cpu'):
        thread.start()
        entered.wait()
    # The other still computes, in full precision.
    assert full_precision_is_set()
    leave.set()
    thread.join()
    assert torch.get_float32_matmul_precision() == 'medium'


def test_products_are_exact(low_precision):
    """Inside the block a product is good to float32's last digits."""
    a, b = torch.rand(64, 256), torch.rand(256, 64)
    with torch.autocast('cpu', torch.bfloat16), full_precision('cpu'):
        product = a @ b
    assert product.dtype == torch.float32
    torch.testing.assert_close(product.double(), a.double() @ b.double(),
                               rtol=1e-5, atol=0)
