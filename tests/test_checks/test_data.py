"""The checks of data sets, on toy data: what passes, what is refused."""
from types import SimpleNamespace

import numpy as np
import pytest
from mmengine.dataset import ConcatDataset, RepeatDataset

from mmjtln.checks.data import classes, labels
from mmjtln.checks.images import images
from mmjtln.checks.run import Run
from mmjtln.checks.warnings import judged_images
from mmjtln.datasets import JointDataset
from tests.test_datasets.conftest import Toy


def run_on(**datasets) -> Run:
    """Return a run on these data sets, whose heads have two outputs each."""
    return Run(None, SimpleNamespace(
        head=None, source_head=None,
        class_counts=dict(source=2, target=2)), datasets)


def test_counts_of_all_splits():
    """Images a class, of each domain that a split has; wrappers included."""
    joint = JointDataset(
        RepeatDataset(Toy(3), 2), Toy(4, num_classes=4))
    found = run_on(train=joint, val=Toy(3)).counts
    assert found['train']['source'].tolist() == [4, 2]
    assert found['train']['target'].tolist() == [1, 1, 1, 1]
    assert found['val']['target'].tolist() == [2, 1]


@pytest.mark.parametrize('split', ['train', 'val', 'test'])
@pytest.mark.parametrize('domain', ['source', 'target'])
@pytest.mark.parametrize('given, hint', [
    ([1, 2, 1], 'numbered from 1'), ([0, 1, 2], 'list of classes'),
    ([0, -1, 1], 'list of classes')])
def test_label_out_of_range(split, domain, given, hint):
    """In each domain and split, naming both and the image."""
    parts = dict(source=Toy(4), target=Toy(4))
    parts[domain] = Toy(3, labels=given)
    with pytest.raises(ValueError, match=f'{domain} {split}.*toy/.*{hint}'):
        labels(run_on(**{split: JointDataset(**parts)}))
    with pytest.raises(ValueError, match=f'target {split}.*{hint}'):
        labels(run_on(**{split: parts[domain]}))


def test_target_class_without_training_image():
    """Nothing could be learnt of it; in validation it is only noted."""
    joint = JointDataset(Toy(3), Toy(3, labels=[1, 1, 1]))
    with pytest.raises(ValueError, match="'class 0'"):
        labels(run_on(train=joint))
    run = run_on(val=joint)
    labels(run)
    assert run.counts['val']['target'].tolist() == [0, 3]
    assert next(judged_images(run)).startswith(
        "The val set has no image of 'class 0'")


def test_validation_of_mixed_class_lists():
    """A concatenation whose parts mean other classes by one label."""
    other = Toy(2, metainfo=dict(classes=['class 1', 'class 0']))
    mixed = ConcatDataset([Toy(2), other], ignore_keys=['classes'])
    with pytest.raises(ValueError, match='target val.*order differs'):
        labels(run_on(val=mixed))


def test_splits_of_other_classes():
    """Each is compared with the training data, which may have more domains."""
    joint, other = JointDataset(Toy(2), Toy(2)), Toy(3, num_classes=3)
    classes(run_on(train=joint, val=Toy(3), test=Toy(2)))
    with pytest.raises(ValueError, match='test data set .* target classes'):
        classes(run_on(train=joint, val=Toy(3), test=other))


class Sized(Toy):
    """Toy images of another shape."""

    def __init__(self, size, shape, **kwargs):
        self.shape = shape
        super().__init__(size, **kwargs)

    def load_data_list(self):
        return [dict(info, img=np.zeros(self.shape, np.int32))
                for info in super().load_data_list()]


@pytest.mark.parametrize('shape, found', [
    ((4, 2, 3), r'\(3, 2, 2\) of the source and \(3, 4, 2\) of the target'),
    ((2, 2, 1), r'\(3, 2, 2\) of the source and \(1, 2, 2\) of the target')])
def test_domains_of_other_shapes(shape, found):
    """Size or channels: both shapes are said."""
    joint = JointDataset(Toy(2), Sized(2, shape))
    with pytest.raises(ValueError, match=found):
        images(run_on(train=joint))


def test_splits_of_other_shapes():
    """A test set of larger images is usual, of gray ones is not."""
    joint = JointDataset(Toy(2), Toy(2))
    images(run_on(train=joint, val=Sized(2, (9, 9, 3))))
    with pytest.raises(ValueError, match='3 channels .* in the target train'
                       '.*1 channels .* in the target test'):
        images(run_on(train=joint, test=Sized(2, (2, 2, 1))))


def load_files(folder):
    """Return three images as files, the second of them broken."""
    import cv2
    for i in range(3):
        cv2.imwrite(str(folder / f'{i}.png'), np.zeros((4, 4, 3), np.uint8))
    (folder / '1.png').write_bytes(b'no image')

    class Files(Toy):

        def load_data_list(self):
            return [dict(img_path=str(folder / f'{i}.png'), gt_label=i % 2)
                    for i in range(3)]

    return Files(3, pipeline=[
        dict(type='LoadImageFromFile'), dict(type='PackInputs')])


def test_unreadable_image(tmp_path):
    """A wrapped validation set names the file, in a copy for a worker too."""
    import pickle
    files = load_files(tmp_path)
    wrapped = RepeatDataset(files, 2)
    images(run_on(val=wrapped))  # The first one is sound.
    images(run_on(val=wrapped))
    assert wrapped[0]['inputs'].shape == (3, 4, 4)
    pipeline = pickle.loads(pickle.dumps(files.pipeline))
    with pytest.raises(RuntimeError, match='target val image .*1.png'):
        pipeline(files.get_data_info(1))
    with pytest.raises(RuntimeError, match='target val image .*1.png'):
        wrapped[4]
