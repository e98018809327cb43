"""Full precision whatever the user has set, and the setting put back."""
import pytest
import torch

from mmjtln.ot.precision import full_precision


@pytest.fixture
def low_precision():
    """Let float32 products be rounded, as training scripts do."""
    torch.set_float32_matmul_precision('medium')
    yield
    torch.set_float32_matmul_precision('highest')


def test_setting_is_put_back(low_precision):
    """After the block, and after an error in it, all is as it was."""
    with full_precision('cpu'):
        pass
    assert torch.get_float32_matmul_precision() == 'medium'
    with pytest.raises(KeyError), full_precision('cpu'):
        raise KeyError
    assert torch.get_float32_matmul_precision() == 'medium'


def test_products_are_exact(low_precision):
    """Inside the block a product is good to float32's last digits."""
    a, b = torch.rand(64, 256), torch.rand(256, 64)
    with torch.autocast('cpu', torch.bfloat16), full_precision('cpu'):
        product = a @ b
    assert product.dtype == torch.float32
    torch.testing.assert_close(product.double(), a.double() @ b.double(),
                               rtol=1e-5, atol=0)
