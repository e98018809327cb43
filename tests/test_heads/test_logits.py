"""Outputs of one tensor and of several, of a distilled head, and labels."""
import pytest
import torch
from mmpretrain.models.heads import LeViTClsHead, LinearClsHead
from mmpretrain.structures import DataSample

from mmjtln.heads.logits import (
    head_scores,
    label_marginal,
    logits_of,
    take_rows,
)


def test_a_distilled_head_scores_while_it_trains():
    """By the mean of its two classifiers; only its own flag is touched."""
    head = LeViTClsHead(num_classes=3, in_channels=4).train()
    feats = (torch.randn(8, 4), )
    with pytest.raises(NotImplementedError):
        head(feats)
    scores = head_scores(head, feats)
    assert head.training and head.head.bn.training
    assert head.head.bn.running_mean.abs().sum() > 0
    torch.testing.assert_close(
        scores, (head.head(feats[0]) + head.head_dist(feats[0])) / 2)
    head.eval()
    head_scores(head, feats)
    assert not head.training
    head.train()
    with pytest.raises(TypeError):
        head_scores(head, None)
    assert head.training


@pytest.mark.parametrize('training', [True, False])
def test_a_plain_head_is_called_as_it_is(training):
    head = LinearClsHead(3, 4).train(training)
    seen = []
    head.register_forward_pre_hook(
        lambda module, _: seen.append(module.training))
    feats = (torch.randn(2, 4), )
    assert torch.equal(head_scores(head, feats), head.fc(feats[0]))
    assert seen == [training] and head.training == training


def test_several_outputs_are_taken_by_row_and_summed():
    parts = tuple(torch.arange(12.).reshape(3, 4) * 10**i for i in range(3))
    rows = torch.tensor([2, 0])
    taken = take_rows(parts, rows)
    assert isinstance(taken, tuple) and len(taken) == 3
    assert torch.equal(logits_of(taken), 111 * parts[0][rows])
    assert torch.equal(take_rows(parts[0], rows), parts[0][rows])
    assert logits_of(parts[1]) is parts[1]


def test_labels_are_classes_or_distributions():
    samples = [DataSample().set_gt_label(label) for label in (2, 0)]
    classes = label_marginal(samples, 3, as_class=True)
    assert classes.dtype == torch.int64 and classes.tolist() == [2, 0]
    logs = label_marginal(samples, 4, as_class=False)
    assert logs.dtype == torch.float32
    assert logs.exp().tolist() == [[0, 0, 1, 0], [1, 0, 0, 0]]
    mixed = [DataSample().set_gt_score(torch.tensor(score).double())
             for score in ([.25, .75, 0], [0, 0, 1])]
    for as_class in (True, False):
        logs = label_marginal(mixed, 3, as_class)
        assert logs.dtype == torch.float32
        assert logs.exp().tolist() == [[.25, .75, 0], [0, 0, 1]]
        assert label_marginal(mixed[:1], 3, as_class).shape == (1, 3)
