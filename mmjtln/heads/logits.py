"""What is common to the outputs of all single-label heads."""
import torch
from mmpretrain.structures import DataSample
from torch import Tensor, nn

#: A head's output, of which some have several tensors, N rows each.
Scores = Tensor | tuple[Tensor, ...]


def head_scores(head: nn.Module, feats: tuple[Tensor, ...]) -> Scores:
    """Return a head's output, from which loss and prediction are taken.

    A distilled head predicts from the mean of two classifiers, and some
    (LeViT's) refuse to go forward in training, without a teacher for the
    second. Here the mean itself learns from the labels. Only the head's own
    flag changes, so normalisation inside it stays in training.
    """
    distilled = head.training and getattr(head, 'distillation', False)
    head.training = head.training and not distilled
    try:
        scores: Scores = head(feats)
    finally:
        head.training = head.training or distilled
    return scores


def take_rows(scores: Scores, rows: Tensor) -> Scores:
    """Select rows of a head's output, which may be several tensors."""
    if isinstance(scores, Tensor):
        return scores[rows]
    return tuple(score[rows] for score in scores)


def logits_of(scores: Scores) -> Tensor:
    """Return the logits a head predicts with, shape (N, num_classes).

    A head with several outputs, such as Conformer's, predicts from their sum.
    """
    return scores if isinstance(scores, Tensor) else sum(scores[1:], scores[0])


def label_marginal(samples: list[DataSample], num_classes: int,
                   as_class: bool) -> Tensor:
    """Return N labels for the OT loss: (N,), int64, or log (N, L), float32."""
    # Samples have ``gt_score`` after Mixup and the like, else ``gt_label``,
    # of which the class has a closed form.
    if 'gt_score' in samples[0]:
        return torch.stack([s.gt_score for s in samples]).float().log()
    labels = torch.cat([sample.gt_label for sample in samples])
    if as_class:
        return labels
    return nn.functional.one_hot(labels, num_classes).float().log()
