"""Weights come in whole or not at all."""
import pytest
import torch
from torch import nn

from mmjtln.checkpoints.weights import load_file, load_weights, state_of


def network(outputs=2):
    """Return a model of two parts."""
    return nn.ModuleDict(dict(backbone=nn.Linear(3, 3),
                              head=nn.Linear(3, outputs)))


@pytest.mark.parametrize('wrap', [
    dict, lambda state: dict(state_dict=state),
    lambda state: {f'module.{key}': value for key, value in state.items()}])
def test_every_form_loads(tmp_path, wrap):
    """A bare state dict, MMEngine's, and that of a wrapped model."""
    trained, model = network(), network()
    torch.save(wrap(trained.state_dict()), tmp_path / 'a.pth')
    assert load_file(model, tmp_path / 'a.pth') == {}
    for key, value in trained.state_dict().items():
        assert torch.equal(model.state_dict()[key], value)


def test_parts():
    """Of the others nothing is asked, and nothing loaded."""
    trained, model = network(5), network(2)
    head = model['head'].weight.clone()
    load_weights(model, state_of(trained.state_dict()), 'a.pth',
                 ('backbone', ))
    assert torch.equal(model['backbone'].weight, trained['backbone'].weight)
    assert torch.equal(model['head'].weight, head)


@pytest.mark.parametrize('change, words', [
    (lambda state: state.pop('head.bias'), '1 are missing.*head.bias'),
    (lambda state: state.update(new=torch.ones(1)), '1 are missing.*new'),
    (lambda state: state.update({'head.bias': torch.ones(3)}), 'head.bias'),
    (lambda state: state['head.bias'].fill_(torch.nan), 'must be finite')])
def test_nothing_is_loaded_in_part(change, words):
    """Missing, unknown, of another shape, or not finite."""
    state, model = network().state_dict(), network()
    before = model['backbone'].weight.clone()
    change(state)
    with pytest.raises(ValueError, match=f'a.pth.*{words}'):
        load_weights(model, state, 'a.pth')
    assert torch.equal(model['backbone'].weight, before)
