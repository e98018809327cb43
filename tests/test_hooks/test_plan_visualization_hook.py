from types import SimpleNamespace

import numpy as np
import ot
import pytest
import torch
from mmengine.registry import init_default_scope
from mmpretrain.registry import MODELS

from mmjtln.registry import HOOKS
from tests.test_costs.conftest import PACK, ToyImages, toy_config


@pytest.fixture
def runner(tmp_path):
    from mmengine.visualization import Visualizer
    init_default_scope('mmpretrain')
    model = MODELS.build(
        dict(
            toy_config(num_classes=3),
            type='mmjtln.JTLNClassifier',
            source_head=dict(num_classes=4)))
    torch.nn.init.normal_(model.head.fc.weight, std=3)
    torch.nn.init.normal_(model.source_head.fc.weight, std=3)
    visualizer = Visualizer(
        vis_backends=[dict(type='LocalVisBackend')], save_dir=str(tmp_path))
    dataset = SimpleNamespace(
        source=ToyImages([2, 3, 2, 2]), target=ToyImages([2, 2, 3], shift=9))
    return SimpleNamespace(
        model=model,
        epoch=0,
        visualizer=visualizer,
        train_dataloader=SimpleNamespace(dataset=dataset))


def build():
    return HOOKS.build(
        dict(type='mmjtln.PlanVisualizationHook', pipeline=PACK))


@pytest.mark.parametrize('images', ['target', 'both'])
@pytest.mark.parametrize('marginal', ['prediction', 'label'])
def test_the_plan_is_the_mean_of_pots(runner, images, marginal):
    model, data = runner.model, runner.train_dataloader.dataset
    model.ot_domains = dict(
        target=('target', ), both=('source', 'target'))[images]
    model.own_marginal = marginal
    model.ot_loss.set_cost(torch.rand(4, 3))
    hook = build()
    hook.before_train(runner)
    found = hook.mean_plan(model)

    model.eval()
    plans = []
    for domain in model.ot_domains:
        dataset = getattr(data, domain)
        for i in range(len(dataset)):
            inputs = model.data_preprocessor(
                dict(inputs=[dataset[i]['inputs']]), False)['inputs']
            feats = model.extract_feat(inputs)
            sides = dict(source=model.source_head, target=model.head)
            p, q = (
                sides[side](feats).softmax(1)[0].double().detach().numpy()
                for side in sides)
            if marginal == 'label':
                label = dataset[i]['data_samples'].gt_label.item()
                if domain == 'source':
                    p = np.eye(4)[label] + 1e-12
                else:
                    q = np.eye(3)[label] + 1e-12
            plans.append(
                ot.sinkhorn(
                    p / p.sum(), q / q.sum(),
                    model.ot_loss.cost.double().numpy(), model.ot_loss.reg,
                    method='sinkhorn_log', numItermax=5000, stopThr=1e-9))
    np.testing.assert_allclose(found, np.mean(plans, axis=0), atol=1e-4)
    assert found.sum() == pytest.approx(1, abs=1e-4)


def test_pictures_are_written_when_due(runner, tmp_path):
    hook = build()
    hook.before_train(runner)
    runner.epoch = 1
    # No cost matrix yet.
    hook.after_train_epoch(runner)
    runner.model.ot_loss.set_cost(torch.rand(4, 3))
    runner.model.train()
    for runner.epoch in range(2):
        hook.after_train_epoch(runner)
    assert runner.model.training
    assert sorted(p.name for p in tmp_path.rglob('*.png')) == [
        'transport_plan_1.png', 'transport_plan_2.png'
    ]


def test_a_joint_model_without_ot_is_left_alone(runner, tmp_path):
    runner.model.ot_loss = None
    hook = build()
    hook.before_train(runner)
    hook.after_train_epoch(runner)
    assert not list(tmp_path.rglob('*.png'))
