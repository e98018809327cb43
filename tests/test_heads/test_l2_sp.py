"""The pull is the gradient of its penalty, and turns weight decay round."""
import pytest
import torch
from torch import nn

from mmjtln.heads import L2SP


def _model():
    torch.manual_seed(0)
    return nn.Linear(3, 2).double()


def _train(model, optimizer, penalty=None, steps=5):
    generator = torch.Generator().manual_seed(1)
    for _ in range(steps):
        inputs = torch.randn(4, 3, generator=generator, dtype=torch.double)
        loss = model(inputs).square().mean()
        if penalty is not None:
            loss = loss + penalty(model)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


@pytest.mark.parametrize('options', [
    dict(momentum=0.9), dict(momentum=0.9, nesterov=True),
    dict(momentum=0.9, weight_decay=0.3)])
def test_sgd_gives_the_penalty_written_into_the_loss(options):
    decay = options.get('weight_decay', 0)
    pulled, written = _model(), _model()
    starts = {'weight': torch.full((2, 3), 0.7).double()}
    optimizer = torch.optim.SGD(pulled.parameters(), lr=0.1, **options)
    L2SP(starts, 0.5).attach(pulled, optimizer)
    _train(pulled, optimizer)

    def penalty(model):
        return ((0.5 + decay) / 2 * (model.weight - 0.7).square().sum()
                + decay / 2 * model.bias.square().sum())

    plain = torch.optim.SGD(written.parameters(), lr=0.1,
                            **{**options, 'weight_decay': 0})
    _train(written, plain, penalty)
    torch.testing.assert_close(pulled.weight, written.weight)
    torch.testing.assert_close(pulled.bias, written.bias)


def test_decoupled_decay_goes_towards_the_start():
    """With zero gradients, AdamW shrinks w - w_0 by (1 - lr * decay)."""
    model = _model()
    first = model.weight.detach().clone()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1,
                                  weight_decay=0.5)
    L2SP({'weight': torch.ones(2, 3)}).attach(model, optimizer)
    for _ in range(3):
        for parameter in model.parameters():
            parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
    expected = 1 + (first - 1) * 0.95**3
    torch.testing.assert_close(model.weight, expected)


def test_without_decay_a_start_changes_nothing():
    pulled, plain = _model(), _model()
    for model in (pulled, plain):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        if model is pulled:
            L2SP({'weight': torch.ones(2, 3)}).attach(model, optimizer)
        _train(model, optimizer)
    torch.testing.assert_close(pulled.weight, plain.weight)


def test_starts_are_copies():
    model = _model()
    pull = L2SP(dict(model.named_parameters()))
    first = model.weight.detach().clone()
    with torch.no_grad():
        model.weight.zero_()
    assert torch.equal(pull.starts['weight'], first)


@pytest.mark.parametrize('name, shape', [('fc.weight', (2, 3)),
                                         ('weight', (3, 3))])
def test_a_start_of_no_parameter_is_refused(name, shape):
    model = _model()
    with pytest.raises(ValueError, match='parameter of the model'):
        L2SP({name: torch.ones(shape)}).attach(
            model, torch.optim.SGD(model.parameters(), lr=0.1))


def test_optimizers_that_a_pull_would_mislead_are_refused():
    model = _model()
    fused = torch.optim.SGD(model.parameters(), lr=0.1)
    fused.defaults['fused'] = True  # No argument in torch 2.1.
    for optimizer, words in (
        (torch.optim.LBFGS(model.parameters()), 'LBFGS'), (fused, 'fused')):
        with pytest.raises(ValueError, match=words):
            L2SP({'weight': torch.ones(2, 3)}, 0.1).attach(
                model, optimizer)


@pytest.mark.parametrize('strength', [-1., float('inf'), float('nan')])
def test_odd_strengths_are_refused(strength):
    with pytest.raises(ValueError, match=r'number in \[0, inf\)'):
        L2SP({}, strength)


def test_two_starts_of_one_parameter_are_refused():
    """It would be pulled towards the sum of both."""
    layer = nn.Linear(2, 2)
    optimizer = torch.optim.SGD(layer.parameters(), 0.1)
    L2SP({'weight': layer.weight}).attach(layer, optimizer)
    L2SP({'bias': layer.bias}).attach(layer, optimizer)
    with pytest.raises(ValueError, match="'weight'. have two"):
        L2SP({'weight': layer.weight}).attach(layer, optimizer)
