"""What is allowed and seldom meant: what is said of it, and of what not."""
from mmjtln.checks.warnings import is_validation, judged_images
from mmjtln.datasets import JointDataset
from tests.test_checks.test_data import run_on
from tests.test_datasets.conftest import Toy


def test_test_set_is_the_validation_set():
    """Same images, whatever their labels; other ones, or fewer, are not."""
    assert is_validation(dict(
        val=Toy(4), test=JointDataset(Toy(3), Toy(4))))
    found, = judged_images(run_on(
        train=Toy(2, first=50), val=Toy(4), test=Toy(4)))
    assert found.startswith('4 of 4 test images are validation images')
    assert is_validation(dict(val=Toy(4), test=Toy(4, labels=[0, 0, 0, 1])))
    for test in (Toy(4, first=9), Toy(3)):
        assert not is_validation(dict(val=Toy(4), test=test))
    assert not list(judged_images(run_on(val=Toy(4))))
