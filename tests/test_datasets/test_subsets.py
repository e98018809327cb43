"""A few images of each class, and some of the classes."""
import numpy as np
import pytest
from mmengine.registry import DATASETS
from mmpretrain.registry import TRANSFORMS

from mmjtln.datasets import ClassFold, ClassSubset, FewShotDataset, UCIDigits
from tests.test_datasets.conftest import Toy


def values(dataset):
    return [int(dataset[i]['inputs'][0, 0, 0]) for i in range(len(dataset))]


def labels(dataset):
    return [
        int(dataset[i]['data_samples'].gt_label) for i in range(len(dataset))
    ]


@TRANSFORMS.register_module()
class Unreadable:
    """Fails on most images, as a data set with broken files does."""

    def __call__(self, results):
        return results if results['img'].max() in (2, 3) else None


@pytest.mark.parametrize('serialize_data', [False, True])
def test_few_shots(serialize_data):
    toy = Toy(40, num_classes=4, serialize_data=serialize_data)
    before = values(toy)
    few = FewShotDataset(toy, shots=3, seed=5)
    assert sorted(labels(few)) == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert len(set(values(few))) == 12
    assert [v % 4 for v in values(few)] == labels(few)
    assert values(toy) == before
    assert values(FewShotDataset(toy, 3, seed=5)) == values(few)
    assert few.CLASSES == toy.metainfo['classes']
    assert few.get_gt_labels().tolist() == labels(few)
    assert few.get_cat_ids(0) == labels(few)[:1]
    assert few.get_data_info(1)['img_path'] == f'toy/{values(few)[1]}'


def test_draws_differ_by_seed_and_grow_by_shots():
    toy = Toy(400, num_classes=4)
    draws = {tuple(values(FewShotDataset(toy, 5, seed)))
             for seed in range(10)}
    assert len(draws) == 10
    two, five = (set(values(FewShotDataset(toy, shots))) for shots in (2, 5))
    assert two < five


def test_all_images_of_a_class_may_be_drawn():
    assert values(FewShotDataset(Toy(6, num_classes=3), 2)) == list(range(6))


def test_of_the_uci_digits():
    few = DATASETS.build(
        dict(
            type='mmjtln.FewShotDataset',
            shots=5,
            dataset=dict(type='mmjtln.UCIDigits')))
    numbers = [int(few.get_data_info(i)['img_path'].split('/')[1])
               for i in range(len(few))]
    assert len(set(numbers)) == 50 and max(numbers) < 698
    assert (FewShotDataset(UCIDigits(), 5, seed=1).get_gt_labels() ==
            few.get_gt_labels()).mean() < 1


def test_few_shots_refuses():
    toy = Toy(5, num_classes=3)  # Two of classes 0 and 1, one of class 2.
    with pytest.raises(ValueError, match="shots=2 .*'class 2' has 1"):
        FewShotDataset(toy, 2)
    for shots in (0, -1, 1.5, None):
        with pytest.raises(ValueError, match='`shots` of FewShotDataset'):
            FewShotDataset(toy, shots)
    with pytest.raises(ValueError, match='no class names'):
        FewShotDataset(Toy(2, metainfo={}), 1)


@pytest.mark.parametrize('serialize_data', [False, True])
def test_chosen_classes(serialize_data):
    toy = Toy(12, num_classes=4, serialize_data=serialize_data)
    part = ClassSubset(toy, ['class 3', 'class 1'])
    assert values(part) == [1, 3, 5, 7, 9, 11]
    assert labels(part) == [1, 0, 1, 0, 1, 0]
    assert part.metainfo['classes'] == part.CLASSES == ('class 3', 'class 1')
    assert part.get_gt_labels().tolist() == labels(part)
    assert labels(toy) == [0, 1, 2, 3] * 3
    assert len(toy.metainfo['classes']) == 4


def test_chosen_classes_refuses():
    toy = Toy(4, labels=[0, 0, 0, 0])
    with pytest.raises(ValueError, match="'class 7'.* not among"):
        ClassSubset(toy, ['class 0', 'class 7'])
    with pytest.raises(ValueError, match='chosen once'):
        ClassSubset(toy, ['class 0', 'class 0'])
    with pytest.raises(ValueError, match='has no image of the classes'):
        ClassSubset(toy, ['class 1'])


def test_parts_of_parts(default_scope):
    few = FewShotDataset(
        dict(
            type='mmjtln.ClassSubset',
            classes=['class 2', 'class 0'],
            dataset=dict(type='Toy', size=30, num_classes=3)), 4)
    assert sorted(labels(few)) == [0] * 4 + [1] * 4
    assert {v % 3 for v in values(few)} == {0, 2}
    assert few.CLASSES == ('class 2', 'class 0')
    fold = dict(type='KFoldDataset', num_splits=2, dataset=Toy(12))
    fold['dataset'] = dict(type='Toy', size=12)
    assert min(values(FewShotDataset(fold, 2))) >= 6
    # And the other way round.
    folds = DATASETS.build(
        dict(
            type='mmpretrain.KFoldDataset',
            num_splits=2,
            dataset=dict(
                type='mmjtln.FewShotDataset',
                shots=2,
                dataset=dict(type='mmpretrain.Toy', size=12))))
    assert len(folds) == 2


@pytest.mark.parametrize('given', [
    [0] * 4 + [1] * 4 + [2] * 4, [0, 1, 2] * 4, [0] * 20 + [1] * 5 + [2] * 2])
def test_folds_have_their_part_of_each_class(given):
    """Each image is held out once; of folds, none has two more of a class."""
    counts = []
    for fold in range(5):
        held, others = (ClassFold(
            Toy(len(given), 3, labels=given), fold, test_mode=held, seed=1)
            for held in (True, False))
        assert sorted(values(held) + values(others)) == [*range(len(given))]
        assert labels(held) == [given[value] for value in values(held)]
        counts.append(np.bincount(held.get_gt_labels(), minlength=3))
    assert (np.sum(counts, 0) == np.bincount(given)).all()
    assert np.ptp(counts, axis=0).max() <= 1
    assert np.ptp(np.sum(counts, axis=1)) <= 1


def test_folds_are_drawn_by_their_seed():
    held = [tuple(values(ClassFold(Toy(40), seed=seed, test_mode=True)))
            for seed in (0, 0, 1)]
    assert held[0] == held[1] != held[2]
    with pytest.raises(ValueError, match='below num_splits=3, got 3'):
        ClassFold(Toy(4), 3, num_splits=3)


def test_of_what_is_not_loaded_yet():
    toy = dict(type='Toy', size=12, num_classes=3, lazy_init=True)
    part = ClassSubset(toy, ['class 2'])
    assert part.metainfo['classes'] == ('class 2', )
    assert len(part) == 4


def test_a_broken_image_is_replaced_from_within_the_part():
    toy = Toy(40, num_classes=40,
              pipeline=[dict(type='Unreadable'), dict(type='PackInputs')])
    part = ClassSubset(toy, [f'class {c}' for c in (1, 2, 30)])
    assert values(part) == [2, 2, 2]


@pytest.mark.parametrize('name', ['RepeatDataset', 'ConcatDataset'])
def test_refuses_wrappers_that_repeat(name):
    config = dict(
        RepeatDataset=dict(times=2, dataset=dict(type='Toy', size=4)),
        ConcatDataset=dict(datasets=[dict(type='Toy', size=4)]))[name]
    with pytest.raises(TypeError, match='the other way round'):
        FewShotDataset(dict(type=name, **config), 1)
