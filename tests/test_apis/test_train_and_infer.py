"""mmjtln.apis: train in one call, then predict."""
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmpretrain.apis import get_model
from mmpretrain.registry import MODELS

from mmjtln.apis import JTLNInferencer, train
from mmjtln.datasets import UCIDigits


@pytest.fixture
def images(tmp_path):
    """Write three images and a text file into a folder."""
    folder = tmp_path / 'images'
    folder.mkdir()
    rng = np.random.default_rng(1)
    for name in ('b.png', 'a.PNG', 'c.bmp'):
        pixels = rng.integers(0, 256, (40, 30, 3)).astype(np.uint8)
        cv2.imwrite(str(folder / name), pixels)
    (folder / 'notes.txt').write_text('not an image')
    return folder


@pytest.fixture
def inferencer(tiny_run, tmp_path):
    """Return an inferencer on an untrained model with a cost matrix."""
    torch.manual_seed(4)
    tiny_run.model.source_head.num_classes = 7
    model = MODELS.build(dict(tiny_run.model, data_preprocessor=dict(
        mean=[127.5] * 3, std=[127.5] * 3)))
    model.ot_loss.set_cost(torch.rand(7, 10))
    torch.save(
        dict(
            state_dict=model.state_dict(),
            meta=dict(
                dataset_meta=dict(
                    classes=list('ABCDEFGHIJ'),
                    source_classes=list('stuvwxy')))), tmp_path / 'm.pth')
    tiny_run.dump(tmp_path / 'run.py')
    return JTLNInferencer(str(tmp_path / 'run.py'), str(tmp_path / 'm.pth'))


def test_train(tiny_run):
    """One call trains, with overrides, and leaves the config alone."""
    before = tiny_run.pretty_text
    runner = train(tiny_run, train_cfg=dict(max_epochs=1),
                   **{'model.lambda_s': 0.5})
    assert tiny_run.pretty_text == before
    assert runner.epoch == 1
    assert runner.model.lambda_s() == 0.5
    assert list(Path(
        runner.work_dir).glob('best_target*.pth'))


def test_train_names_a_missing_config(tmp_path):
    """A wrong path is an error that names it."""
    with pytest.raises(FileNotFoundError, match='none.py'):
        train(tmp_path / 'none.py')


def test_folder_file_and_array_agree(inferencer, images):
    """The same image gives the same result, however it is given."""
    results = inferencer(images, batch_size=2)
    assert [result['img_path'][-5:] for result in results] == [
        'a.PNG', 'b.png', 'c.bmp']
    path = str(images / 'b.png')
    for one in (inferencer(path), inferencer([cv2.imread(path)])):
        np.testing.assert_allclose(
            one[0]['pred_scores'], results[1]['pred_scores'], atol=1e-6)
        assert set(one[0]) - {'img_path'} == {
            'pred_scores', 'pred_label', 'pred_score', 'pred_class'}
    result = results[0]
    assert result['pred_scores'].shape == (10, )
    assert result['pred_class'] == 'ABCDEFGHIJ'[result['pred_label']]


def test_source_and_plan(inferencer, images):
    """On request: the source head's scores, and a plan between the two."""
    plain = inferencer(images)
    results = inferencer(images, return_source=True, return_plan=True)
    for one, other in zip(plain, results, strict=True):
        np.testing.assert_allclose(
            one['pred_scores'], other['pred_scores'], atol=1e-6)
        label = other['source_pred_label']
        assert label == other['source_pred_scores'].argmax()
        assert other['source_pred_class'] == 'stuvwxy'[label]
        plan = other['plan']
        assert plan.shape == (7, 10) and (plan >= 0).all()
        np.testing.assert_allclose(
            plan.sum(1), other['source_pred_scores'], atol=1e-3)
        np.testing.assert_allclose(
            plan.sum(0), other['pred_scores'], atol=1e-3)
    sample = inferencer(str(images / 'b.png'), return_datasamples=True,
                        return_plan=True)[0]
    assert sample.plan.shape == (7, 10)


def test_plan_needs_a_cost(inferencer, images):
    """A model without a cost matrix has no plan."""
    inferencer.model.ot_loss = None
    with pytest.raises(ValueError, match='cost matrix'):
        inferencer(images, return_plan=True)


def test_bad_input(inferencer, tmp_path, tiny_run):
    """An empty folder and a stock model are refused."""
    (tmp_path / 'empty').mkdir()
    with pytest.raises(ValueError, match='holds? '):
        inferencer(tmp_path / 'empty')
    model = dict(tiny_run.model, type='ImageClassifier')
    model.pop('source_head')
    stock = get_model(Config(dict(
        model=model, test_dataloader=tiny_run.test_dataloader)))
    with pytest.raises(TypeError, match='got ImageClassifier'):
        JTLNInferencer(stock)


def test_wrapped_test_set(tiny_run, tmp_path):
    """The pipeline is found inside wrappers and joint data sets."""
    joint = tiny_run.val_dataloader.dataset
    joint.target = dict(type='RepeatDataset', times=2, dataset=joint.target)
    tiny_run.test_dataloader.dataset = joint
    tiny_run.dump(tmp_path / 'run.py')
    inferencer = JTLNInferencer(
        str(tmp_path / 'run.py'), pretrained=False,
        classes=UCIDigits.METAINFO['classes'])
    assert inferencer(np.zeros((20, 20, 3), np.uint8))[0]['pred_class']
