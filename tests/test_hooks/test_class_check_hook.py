"""ClassCheckHook: bad input is one clear error before the first step."""
import pytest
import torch
from mmengine.runner import Runner

from mmjtln.costs import CostMatrix


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
    tiny_run.model.head.num_classes = 11
    refused(tiny_run, ValueError, 'Every target class .* ten')


def test_validation_classes_differ(tiny_run):
    """Validation data in another class order would be judged wrongly."""
    names = ('one', 'zero', 'two', 'three', 'four', 'five', 'six', 'seven',
             'eight', 'nine')
    val = tiny_run.val_dataloader.dataset
    val.target.dataset.metainfo = dict(classes=names)
    refused(tiny_run, ValueError, 'order differs from class 0')


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
    with pytest.raises(ValueError, match=key):
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
