"""What a GPU would wait for in a step, counted on a machine without one."""
import copy
import math

import pytest
import torch
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample

from mmjtln.models import OTLoss
from mmjtln.models.losses import check_losses
from tests.device_reads import DeviceReads


def logits(classes: int, seed: int, samples: int = 32) -> torch.Tensor:
    """Draw a head's outputs."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(samples, classes,
                       generator=generator).requires_grad_()


def ot_loss(source: int, target: int, **options) -> OTLoss:
    """Build a loss with a random cost."""
    generator = torch.Generator().manual_seed(0)
    return OTLoss(cost=torch.rand(source, target, generator=generator),
                  **options)


def batch(count: int = 8) -> dict:
    """Draw a batch, the first half source."""
    generator = torch.Generator().manual_seed(0)
    samples = []
    for number in range(count):
        sample = DataSample().set_gt_label(number % 3)
        domain = 'source' if number < count // 2 else 'target'
        sample.set_field(domain, 'domain', field_type='metainfo')
        samples.append(sample)
    return dict(inputs=torch.randn(count, 3, 32, 32, generator=generator),
                data_samples=samples)


def model(cfg: dict):
    """Build a small model with a random cost, in eval mode."""
    torch.manual_seed(0)
    built = MODELS.build(copy.deepcopy(cfg))
    built.ot_loss.set_cost(torch.rand(10, 10))
    return built.eval()


def test_reads_are_counted():
    """The count sees what waits, and nothing else."""
    numbers = torch.arange(4.)
    with DeviceReads() as reads:
        numbers.add(1).exp().sum()
        numbers[torch.tensor([0, 2])]
        assert reads.counted == []
        numbers.sum().item()
        numbers[numbers > 1]
        bool(numbers.isfinite().all())
        numbers.nonzero()
        numbers.tolist()
    assert len(reads.counted) >= 5


def test_the_ot_term_of_predictions():
    """At most 100 launches and one wait, forward and backward together."""
    loss = ot_loss(1000, 100)
    source, target = logits(1000, 1, 64), logits(100, 2, 64)
    loss(source, target)  # What is the same for a cost is made once.
    with DeviceReads() as seen:
        value, log = loss.loss_and_log(source, target)
        value.backward()
    assert log['ot_error'].item() <= loss.tol
    assert len(seen.counted) == 1
    assert len(seen.launched) <= 100, seen.launched


@pytest.mark.parametrize('relax', [None, dict(source=0.3)])
def test_the_ot_term_of_labels(relax):
    """At most 20 launches and no wait, forward and backward together."""
    loss = ot_loss(1000, 100, relax=relax)
    source, labels = logits(1000, 1), torch.arange(32)
    loss(source, labels)
    with DeviceReads() as seen:
        loss.loss_and_log(source, labels)[0].backward()
    assert seen.counted == []
    assert len(seen.launched) <= 20, seen.launched


def test_one_wait_tells_of_the_other_losses():
    """Finite or not, it comes with the solver's error."""
    loss = ot_loss(1000, 100)
    source, target = logits(1000, 1), logits(100, 2)
    for total, finite in ((1., True), (math.nan, False), (math.inf, False)):
        log = loss.loss_and_log(source, target, torch.tensor(total))[1]
        assert log['finite'] is finite
    source = torch.full_like(source, math.nan)
    assert not OTLoss(cost=loss.cost, max_iter=20).loss_and_log(
        source, target, torch.tensor(1.))[1]['finite']


def test_reads_where_the_first_sweeps_are_too_few():
    """Some more, far fewer than iterations."""
    loss = ot_loss(1000, 100, reg=0.05)
    source, target = logits(1000, 1), logits(100, 2)
    iterations = loss.transport(source, target).iterations
    with DeviceReads() as reads:
        loss.loss_and_log(source, target)
    assert 1 < len(reads.counted) <= iterations / 3


def test_reads_of_the_check_of_losses():
    """The check that stops a run at NaN reads once."""
    inputs = torch.zeros(2, 3, 4, 4)
    with DeviceReads() as reads:
        check_losses(dict(a_loss=torch.tensor(1.), b=torch.tensor(2.)),
                     inputs, {}, [])
    assert len(reads.counted) == 1


def test_reads_of_a_step(tiny_model):
    """With the heads and the check: those of the OT term and one more."""
    joint = model(tiny_model)
    plain = model({**tiny_model, 'lambda_ot': 0.})
    data = batch()
    counted = {}
    for name, one in (('joint', joint), ('plain', plain)):
        one.loss(**data)
        with DeviceReads() as reads:
            sum(v for k, v in one.loss(**data).items()
                if 'loss' in k).backward()
        counted[name] = len(reads.counted)
    with torch.no_grad():
        result = joint.ot_loss.transport(
            *(head(joint.extract_feat(data['inputs']))[4:]
              for head in (joint.source_head, joint.head)))
    # Small problems end by Newton's method, which looks at each step.
    assert 1 <= counted['joint'] <= 3 + result.iterations
    assert counted['plain'] == 1


def test_a_step_of_a_full_size_waits_once(tiny_model):
    """The solver's wait is that of the check, too."""
    cfg = copy.deepcopy(tiny_model)
    cfg['source_head']['num_classes'] = 1000
    cfg['head']['num_classes'] = 100
    torch.manual_seed(0)
    joint = MODELS.build(cfg).eval()
    joint.ot_loss.set_cost(torch.rand(1000, 100))
    data = batch(16)
    joint.loss(**data)
    with DeviceReads() as reads:
        joint.loss(**data)
    assert len(reads.counted) == 1


def test_no_tensor_is_made_elsewhere(tiny_model):
    """All that a step makes is on its inputs' device, not on the default."""
    joint, data = model(tiny_model), batch()
    expected = joint.loss(**data)
    with torch.device('meta'):
        losses = joint.loss(**data)
        sum(v for k, v in losses.items() if 'loss' in k).backward()
    assert {k: v.item() for k, v in losses.items()} == {
        k: v.item() for k, v in expected.items()}
    assert all(p.grad.device.type == 'cpu' for p in joint.parameters())


@pytest.mark.parametrize('own_marginal', ['prediction', 'label'])
def test_compiled(tiny_model, own_marginal):
    """`torch.compile` of the loss gives the values and gradients of eager."""
    results = []
    for compiled in (False, True):
        torch._dynamo.reset()
        one = model({**tiny_model, 'own_marginal': own_marginal})
        loss = torch.compile(
            one.loss, backend='aot_eager') if compiled else one.loss
        losses = loss(**batch())
        sum(v for k, v in losses.items() if 'loss' in k).backward()
        results.append((losses, {
            name: p.grad for name, p in one.named_parameters()}))
    torch.testing.assert_close(*results)
