"""What a data set holds; an image that cannot be read is named."""
import numpy as np
import pytest
from mmengine.dataset import ConcatDataset
from mmengine.runner import Runner
from mmpretrain.datasets import CustomDataset
from PIL import Image
from torch.utils.data import DataLoader

from mmjtln.datasets import JointDataset, UCIDigits
from mmjtln.datasets.contents import gt_labels, images_by_class
from mmjtln.inference.domain_images import DomainImages


def test_images_by_class():
    """As a search for each class finds them, empty classes included."""
    labels = np.random.default_rng(0).integers(0, 7, 100)
    labels[labels == 3] = 8  # Of no class that is asked for.
    found = images_by_class(labels, 8)
    assert len(found) == 8 and len(found[3]) == 0
    for label, indices in enumerate(found):
        assert (indices == np.flatnonzero(labels == label)).all()
    assert [len(part) for part in images_by_class(labels[:0], 2)] == [0, 0]


PIPELINE = [dict(type='LoadImageFromFile'), dict(type='PackInputs')]


@pytest.fixture
def joint(tmp_path):
    """Return two image folders of two classes, two images each."""
    folders = {}
    for domain in ('source', 'target'):
        for label in 'ab':
            folder = tmp_path / domain / label
            folder.mkdir(parents=True)
            for i in range(2):
                pixels = np.random.default_rng(i).integers(
                    0, 255, (32, 32, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f'{i}.jpg')
        folders[domain] = dict(
            type='CustomDataset', data_root=str(tmp_path / domain),
            pipeline=PIPELINE)
    return JointDataset(**folders)


BROKEN = dict(
    missing=lambda path: path.unlink(),
    empty=lambda path: path.write_bytes(b''),
    garbage=lambda path: path.write_bytes(b'no image at all'),
    folder=lambda path: (path.unlink(), path.mkdir()))


@pytest.mark.parametrize('harm', BROKEN.values(), ids=BROKEN)
def test_training(joint, tmp_path, harm):
    """The path, the domain, the cause, and what to do."""
    path = tmp_path / 'target/b/0.jpg'
    assert joint[6]['data_samples'].img_path == str(path)
    harm(path)
    with pytest.raises(RuntimeError) as error:
        joint[6]
    assert f'The target image {path} could not be read' in str(error.value)
    assert 'Restore the file' in str(error.value)
    assert error.value.__cause__ is not None
    joint[7]


def test_in_a_worker(joint, tmp_path):
    """The message crosses the process boundary."""
    path = tmp_path / 'source/a/1.jpg'
    path.write_bytes(b'')
    loader = DataLoader(joint, num_workers=1, collate_fn=list)
    with pytest.raises(RuntimeError, match=f'source image {path} could'):
        list(loader)


@pytest.mark.parametrize('workers', [0, 1])
def test_validation_in_a_run(tiny_run, tmp_path, workers):
    """A file that breaks in mid-run is named, as in training."""
    for name in UCIDigits.METAINFO['classes']:
        (tmp_path / 'val' / name).mkdir(parents=True)
        Image.new('RGB', (32, 32)).save(tmp_path / 'val' / name / '0.png')
    broken = tmp_path / 'val/seven/0.png'
    broken.write_bytes(b'no image')
    tiny_run.val_dataloader.dataset = dict(
        type='CustomDataset', data_root=str(tmp_path / 'val'),
        metainfo=UCIDigits.METAINFO, pipeline=PIPELINE)
    tiny_run.val_dataloader.num_workers = workers
    tiny_run.val_evaluator = dict(type='mmjtln.DomainAccuracy')
    tiny_run.train_dataloader.batch_sampler.epoch = 1
    tiny_run.model.ot_loss = None
    tiny_run.custom_hooks = tiny_run.custom_hooks[:1]
    with pytest.raises(RuntimeError, match=f'target val image {broken} could'):
        Runner.from_cfg(tiny_run).train()


def test_while_a_cost_is_built(joint, tmp_path):
    """The builders of cost matrices read images as well."""
    path = tmp_path / 'source/a/1.jpg'
    path.write_bytes(b'')
    images = DomainImages(joint.source, 'source')
    with pytest.raises(RuntimeError, match=f'source image {path} could'):
        images[1]


def test_an_image_without_a_path(joint):
    """It is known by its number."""
    joint.source.get_data_info = None
    joint.source.pipeline = None
    with pytest.raises(RuntimeError, match='source image number 2 could'):
        joint[2]


@pytest.mark.parametrize('second, wrong', [
    ('./a.png 1', True), ('a.png 1', True), ('a.png 0', False),
    ('b.png 1', False)])
def test_a_file_with_two_labels(tmp_path, second, wrong):
    """However its path is written; listed twice with one label it may be."""
    (tmp_path / 'list.txt').write_text(f'a.png 0\n{second}\n')
    dataset = CustomDataset(ann_file='list.txt', data_root=str(tmp_path),
                            metainfo=dict(classes=['x', 'y']))
    if not wrong:
        assert gt_labels(dataset).tolist() == [0, int(second[-1])]
        return
    with pytest.raises(ValueError, match=r'a\.png has 0 and 1'):
        gt_labels(ConcatDataset([dataset]))
