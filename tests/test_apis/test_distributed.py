"""The same run on one, two and four processes is the same run."""
import copy

import pytest
import torch
from mmengine.runner import Runner

from mmjtln.apis.launch import adapt_to_machine
from mmjtln.costs import CostMatrix, MKMMDCost
from tests.ranks import run_ranks

LOSSES = ('target_loss', 'source_loss', 'ot_loss', 'loss')


def train(rank, cfg, folder):
    """Train as tools/train.py does, and keep what this rank saw."""
    cfg.launcher = 'pytorch'
    cfg.work_dir = f'{folder}/work_dir'
    seen, builds = [], []
    compare = MKMMDCost.distances

    def counted(self, *args):
        builds.append(1)
        return compare(self, *args)

    MKMMDCost.distances = counted
    runner = Runner.from_cfg(adapt_to_machine(cfg))
    step = runner.model.train_step

    def recorded(data, optim_wrapper):
        seen.append([(sample.domain, sample.sample_idx)
                     for sample in data['data_samples']])
        return step(data, optim_wrapper)

    runner.model.train_step = recorded
    runner.train()
    scalars = runner.message_hub.log_scalars
    model = runner.model.module
    ema = [hook.ema_model for hook in runner.hooks
           if type(hook).__name__ == 'EMAHook']
    torch.save(
        dict(
            losses={name: scalars[f'train/{name}'].data[0].tolist()
                    for name in LOSSES},
            accuracy=scalars['val/target/accuracy/top1'].data[0].tolist(),
            weights=(ema[0].module if ema else model).state_dict(),
            seen=seen,
            builds=len(builds)), f'{folder}/{rank}.pth')


def runs(cfg, folder, world_size, batch_size):
    """Train on so many processes and return what each rank saw."""
    cfg = copy.deepcopy(cfg)
    cfg.train_dataloader.batch_size = batch_size
    folder = folder / f'{world_size}-{batch_size}'
    folder.mkdir()
    run_ranks(train, world_size, folder, cfg, str(folder))
    ranks = [torch.load(folder / f'{rank}.pth') for rank in range(world_size)]
    return ranks, CostMatrix.load(folder / 'work_dir/cost_matrix.npz')


def losses(ranks):
    """Average the ranks' losses: (iterations, terms), float64."""
    return torch.tensor([[rank['losses'][name] for name in LOSSES]
                         for rank in ranks], dtype=torch.float64).mean(0).T


def assert_same_weights(found, expected, tolerance):
    """Compare two state dicts, element by element."""
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        if value.is_floating_point():
            error = (found[key] - value).abs().max().item()
            assert error <= tolerance, f'{key}: {error}'


@pytest.fixture
def run(tiny_run):
    """Return a run of 21 iterations, a third of them of half a batch."""
    loaders = [tiny_run.train_dataloader, tiny_run.val_dataloader]
    for loader in loaders:  # MNIST takes seconds to read in each process.
        loader.dataset.source.update(type='mmjtln.UCIDigits', split='val')
    # 50 images, which do not divide into four.
    loaders[1].dataset.source = dict(
        type='mmjtln.FewShotDataset', shots=3,
        dataset=loaders[1].dataset.source)
    # 20 target images, 8 of them in a batch: 8, 8 and 4.
    loaders[0].batch_sampler.epoch = 'target'
    tiny_run.train_cfg = dict(by_epoch=True, max_epochs=7, val_interval=7)
    tiny_run.default_hooks.checkpoint.interval = 7
    tiny_run.optim_wrapper = dict(
        optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=5e-4),
        clip_grad=dict(max_norm=5.))
    tiny_run.param_scheduler = dict(
        type='CosineAnnealingLR', by_epoch=False, T_max=21)
    tiny_run.model.ot_images = 'both'
    tiny_run.custom_hooks.append(dict(type='EMAHook', momentum=0.1))
    return tiny_run


def test_world_sizes_agree(run, tmp_path):
    """Losses, weights, cost, accuracy and images of 1, 2 and 4 processes."""
    alone, cost = runs(run, tmp_path, 1, 16)
    assert losses(alone).shape[0] == 21
    for world_size in (2, 4):
        ranks, same_cost = runs(run, tmp_path, world_size, 16 // world_size)
        difference = (losses(ranks) - losses(alone)).abs().max().item()
        assert difference <= 1e-5
        for rank in ranks:
            assert_same_weights(rank['weights'], alone[0]['weights'], 1e-4)
            assert rank['accuracy'] == alone[0]['accuracy']
        # Each step sees the images of one process, none of them twice.
        for step, whole in enumerate(alone[0]['seen']):
            parts = sum((rank['seen'][step] for rank in ranks), [])
            assert sorted(parts) == sorted(whole)
        # An epoch is every target image once.
        for epoch in range(7):
            images = [index for rank in ranks
                      for batch in rank['seen'][3 * epoch:3 * epoch + 3]
                      for domain, index in batch if domain == 'target']
            assert len(images) == len(set(images)) == 20
        # One rank compares the classes, all hold its matrix.
        assert [rank['builds'] for rank in ranks] == [1] + [0] * (
            world_size - 1)
        for rank in ranks:
            assert torch.equal(rank['weights']['ot_loss.cost'],
                               ranks[0]['weights']['ot_loss.cost'])
        assert abs(same_cost.matrix - cost.matrix).max() <= 1e-5


DEIT3 = dict(
    type='mmjtln.JTLNClassifier',
    backbone=dict(
        type='DeiT3', img_size=32, patch_size=8,
        arch=dict(embed_dims=32, num_layers=2, num_heads=2,
                  feedforward_channels=64)),
    head=dict(type='VisionTransformerClsHead', num_classes=10,
              in_channels=32),
    source_head=dict(num_classes=10))


@pytest.mark.parametrize('accumulated', [True, False])
def test_two_processes_train_as_one(run, tmp_path, accumulated):
    """With gradients of halves; `--auto-scale-lr` and unused parameters."""
    run.param_scheduler = None
    run.custom_hooks.pop()  # The moving average counts iterations.
    run.train_dataloader.batch_sampler.epoch = 4
    run.train_cfg.update(max_epochs=2, val_interval=2)
    run.default_hooks.checkpoint.interval = 2
    two, batch = copy.deepcopy(run), 8
    if accumulated:
        batch = 4
        two.train_dataloader.batch_sampler.epoch = 8
        two.optim_wrapper.accumulative_counts = 2
    else:
        for cfg in (run, two):
            cfg.model, cfg.find_unused_parameters = DEIT3, True
        two.auto_scale_lr = dict(enable=True, base_batch_size=8)
        run.optim_wrapper.optimizer.lr *= 2
    alone, _ = runs(run, tmp_path, 1, 16)
    ranks, _ = runs(two, tmp_path, 2, batch)
    found = losses(ranks).view(8, -1, len(LOSSES)).mean(1)
    assert (found - losses(alone)).abs().max() <= 1e-5
    for rank in ranks:
        assert_same_weights(rank['weights'], alone[0]['weights'], 1e-4)
