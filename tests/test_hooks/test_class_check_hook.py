"""ClassCheckHook: bad input is one clear error before the first step."""
from pathlib import Path

import pytest
import torch
from mmengine.runner import Runner

from mmjtln.costs import CostMatrix
from mmjtln.datasets import UCIDigits
from tests.test_datasets.conftest import Toy  # noqa: F401  registered


@pytest.fixture(autouse=True)
def _no_step(monkeypatch):
    """Fail if a run that must be refused takes a training step."""
    from mmjtln.models import JTLNClassifier
    monkeypatch.setattr(
        JTLNClassifier, 'train_step',
        lambda *_, **__: pytest.fail('a training step was taken'))


def refused(cfg, error, message):
    """Assert that training stops with an error before the first step."""
    with pytest.raises(error, match=message):
        Runner.from_cfg(cfg).train()


def test_head_and_data_disagree(tiny_run):
    """Too many outputs, of either head, name the head's key."""
    tiny_run.model.head.num_classes = 11
    tiny_run.model.source_head.num_classes = 10
    refused(tiny_run, ValueError, 'model.head.num_classes')


def test_source_head_and_data_disagree(tiny_run):
    """Likewise for the source head."""
    tiny_run.model.source_head.num_classes = 9
    refused(tiny_run, ValueError, 'model.source_head.num_classes')


def test_plain_data_set(tiny_run):
    """A stock data set is no training data for two heads."""
    loader = tiny_run.train_dataloader
    loader.dataset = loader.dataset.source
    loader.batch_sampler = None
    refused(tiny_run, TypeError, 'mmjtln.JointDataset')


def test_plain_sampler(tiny_run):
    """A stock sampler does not keep both domains in a batch."""
    tiny_run.train_dataloader.batch_sampler = None
    refused(tiny_run, TypeError, 'mmjtln.JointSampler')


def test_missing_domain(tiny_run):
    """A joint data set without a target is refused."""
    tiny_run.train_dataloader.dataset.pop('target')
    refused(tiny_run, ValueError, 'target')


def test_target_class_without_image(tiny_run):
    """The names of the classes are in the message."""
    target = tiny_run.train_dataloader.dataset.target
    target.dataset.metainfo = dict(
        classes=('zero', 'one', 'two', 'three', 'four', 'five', 'six',
                 'seven', 'eight', 'nine', 'ten'))
    target.type = 'RepeatDataset'
    target.pop('shots')
    target.times = 1
    tiny_run.val_dataloader.dataset.target = target
    tiny_run.test_dataloader.dataset.metainfo = target.dataset.metainfo
    tiny_run.model.head.num_classes = 11
    refused(tiny_run, ValueError, "Every target class .* 'ten'")


def test_validation_classes_differ(tiny_run):
    """Validation data in another class order would be judged wrongly."""
    names = ('one', 'zero', 'two', 'three', 'four', 'five', 'six', 'seven',
             'eight', 'nine')
    val = tiny_run.val_dataloader.dataset
    val.target.dataset.metainfo = dict(classes=names)
    refused(tiny_run, ValueError, 'order differs from class 0')


def test_validation_numbered_from_one(tiny_run):
    """Its accuracy would be that of other labels."""
    tiny_run.val_dataloader.dataset = dict(
        type='Toy', size=10, num_classes=10, labels=list(range(1, 11)),
        metainfo=dict(classes=UCIDigits.METAINFO['classes']))
    tiny_run.val_evaluator = dict(type='mmjtln.DomainAccuracy')
    refused(tiny_run, ValueError, 'target val .* numbered from 1')


@pytest.mark.parametrize('classes, error, match', [
    (9, ValueError, 'test data set must .* lacks'),
    (0, FileNotFoundError, 'nowhere')])
def test_test_folder_lacks_a_class(tiny_run, tmp_path, classes, error, match):
    """The test set is looked at before training, too."""
    import cv2
    import numpy as np
    folder = tmp_path / ('test' if classes else 'nowhere')
    for name in UCIDigits.METAINFO['classes'][:classes]:
        (folder / name).mkdir(parents=True)
        cv2.imwrite(str(folder / name / '1.png'), np.zeros((8, 8, 3)))
    tiny_run.test_dataloader.dataset = dict(
        type='CustomDataset', data_root=str(folder), pipeline=[
            dict(type='LoadImageFromFile'), dict(type='Resize', scale=32),
            dict(type='PackInputs')])
    refused(tiny_run, error, match)


def test_stock_metric_on_a_joint_set(tiny_run):
    """It would judge both domains as one."""
    tiny_run.val_evaluator = dict(type='Accuracy')
    refused(tiny_run, ValueError, 'Accuracy .* mix .*DomainMetric')


def test_save_best_of_nothing(tiny_run):
    """A typo is found before the first epoch is over."""
    tiny_run.default_hooks.checkpoint.save_best = 'target/accuracy/top-1'
    refused(tiny_run, ValueError, "Set it to 'target/accuracy/top1'")


def test_images_of_other_sizes(tiny_run):
    """Both shapes are said, instead of a batch that cannot be stacked."""
    tiny_run.train_dataloader.dataset.target.dataset.pipeline = [
        dict(type='Resize', scale=48), dict(type='PackInputs')]
    refused(tiny_run, ValueError, r'\(3, 32, 32\) of the source and '
            r'\(3, 48, 48\) of the target')


def test_accuracy_of_more_than_there_are(tiny_run):
    """The head would fail at its first step."""
    tiny_run.model.head.update(cal_acc=True, topk=(1, 11))
    refused(tiny_run, ValueError, 'model.head.topk.* 10 classes')


def test_what_the_run_is_about_to_do(tiny_run):
    """One line says it, and what looks wrong in it is warned of."""
    tiny_run.log_level = 'INFO'
    tiny_run.train_dataloader.batch_sampler.epoch = 'target'
    tiny_run.train_dataloader.batch_size = 38
    tiny_run.param_scheduler = dict(type='CosineAnnealingLR', T_max=7)
    tiny_run.test_dataloader.dataset = tiny_run.val_dataloader.dataset
    runner = Runner.from_cfg(tiny_run)
    stop = RuntimeError('seen enough')
    runner.load_or_resume = lambda: (_ for _ in ()).throw(stop)
    with pytest.raises(RuntimeError, match='seen enough'):
        runner.train()
    log = next(Path(tiny_run.work_dir).glob('*/*.log')).read_text()
    assert ('source: 500 images, 10 classes; target: 20 images, 10 classes; '
            'an epoch is 2 steps of 19 + 19 images, the last of 1 + 1; the '
            'run has 4 steps; val: 500 source images and 20 target images; '
            'test: 500 source images and 20 target images') in log
    for word in ('sees 76 of 500 source images', '1 source and 1 target',
                 'CosineAnnealingLR is made for 7 epochs, the run has 2',
                 '20 of 20 test images are validation images'):
        assert word in log


def test_images_left_out_of_a_folder(tiny_run, tmp_path):
    """They are counted in the log before the first step."""
    from PIL import Image
    for name in UCIDigits.METAINFO['classes']:
        (tmp_path / 'test' / name).mkdir(parents=True)
        for ending in ('png', 'webp'):
            Image.new('RGB', (8, 8)).save(
                tmp_path / 'test' / name / f'0.{ending}')
    tiny_run.test_dataloader.dataset = dict(
        type='CustomDataset', data_root=str(tmp_path / 'test'),
        metainfo=dict(classes=UCIDigits.METAINFO['classes']), pipeline=[
            dict(type='LoadImageFromFile'), dict(type='Resize', scale=32),
            dict(type='PackInputs')])
    runner = Runner.from_cfg(tiny_run)
    with pytest.raises(pytest.fail.Exception, match='step was taken'):
        runner.train()
    log = next(Path(tiny_run.work_dir).glob('*/*.log')).read_text()
    assert ('In the target test data set, 10 images that end in .webp in '
            f'{tmp_path}/test are left out, such as') in log
    assert 'Set `extensions=' in log


def test_no_cost_and_nobody_builds_one(tiny_run):
    """An OT loss without cost matrix is found out at once."""
    tiny_run.custom_hooks = tiny_run.custom_hooks[:1]
    refused(tiny_run, ValueError, 'CostMatrixHook')


def test_cost_of_other_classes(tiny_run, tmp_path):
    """A cost file over other names is refused, naming them."""
    path = tmp_path / 'cost.npz'
    CostMatrix(
        torch.rand(10, 10).numpy(), [f's{i}' for i in range(10)],
        [f't{i}' for i in range(10)]).save(path)
    tiny_run.custom_hooks[1].cost = dict(
        type='mmjtln.FileCost', path=str(path))
    refused(tiny_run, ValueError, 's0')


@pytest.mark.parametrize('content', [None, b'', b'not a zip file'])
def test_missing_or_corrupt_cost_file(tiny_run, tmp_path, content):
    """A cost file that cannot be read is named."""
    path = tmp_path / 'cost.npz'
    if content is not None:
        path.write_bytes(content)
    tiny_run.custom_hooks[1].cost = dict(
        type='mmjtln.FileCost', path=str(path))
    refused(tiny_run, (ValueError, FileNotFoundError), 'cost.npz')


def test_stock_model(tiny_run):
    """The hooks do not serve a stock classifier."""
    tiny_run.model.type = 'ImageClassifier'
    tiny_run.model.pop('source_head')
    refused(tiny_run, TypeError, 'mmjtln.JTLNClassifier')


@pytest.mark.parametrize('key', ['head.fc.weight', 'source_head.fc.weight'])
def test_checkpoint_of_other_class_counts(tiny_run, tmp_path, key):
    """MMEngine would only warn and go on with a random head."""
    runner = Runner.from_cfg(tiny_run)
    state = runner.model.state_dict()
    state[key] = state[key][:-1]
    torch.save(dict(state_dict=state, meta={}), tmp_path / 'other.pth')
    runner.load_or_resume = lambda: runner.load_checkpoint(
        str(tmp_path / 'other.pth'))
    with pytest.raises(ValueError, match=f'{key}.*--domain source.*'
                       "load_from.*init_cfg=dict.type='Pretrained'.*prefix="):
        runner.train()


def test_checkpoint_of_other_class_names(tiny_run, tmp_path):
    """Same counts, other names: refused as well."""
    runner = Runner.from_cfg(tiny_run)
    torch.save(
        dict(
            state_dict=runner.model.state_dict(),
            meta=dict(
                dataset_meta=dict(classes=[f't{i}' for i in range(10)]))),
        tmp_path / 'other.pth')
    tiny_run.load_from = str(tmp_path / 'other.pth')
    refused(tiny_run, ValueError, 'other target classes')


def test_cost_in_another_order_is_reordered(tiny_run, tmp_path):
    """A cost file over the same names is fitted to the data's order."""
    from mmpretrain.datasets.categories import MNIST_CATEGORITES

    from mmjtln.datasets import UCIDigits
    matrix = torch.rand(10, 10).numpy()
    source = list(MNIST_CATEGORITES)
    target = list(UCIDigits.METAINFO['classes'])
    path = tmp_path / 'cost.npz'
    CostMatrix(matrix, source[::-1], target[::-1]).save(path)
    tiny_run.custom_hooks[1].cost = dict(
        type='mmjtln.FileCost', path=str(path))
    runner = Runner.from_cfg(tiny_run)
    seen = []
    from mmjtln.models import JTLNClassifier
    stop = RuntimeError('seen enough')

    def first_step(model, *_, **__):
        seen.append(model.ot_loss.cost.clone())
        raise stop

    JTLNClassifier.train_step = first_step  # monkeypatch restores it
    with pytest.raises(RuntimeError, match='seen enough'):
        runner.train()
    torch.testing.assert_close(
        seen[0], torch.from_numpy(matrix[::-1, ::-1].copy()))
