"""What is common to the outputs of all single-label heads."""
import torch
from mmpretrain.structures import DataSample
from torch import Tensor, nn


def head_scores(head: nn.Module, feats: tuple) -> Tensor | tuple:
    """Return a head's output, from which loss and prediction are taken.

    A distilled head predicts from the mean of two classifiers, and some
    (LeViT's) refuse to go forward in training because MMPretrain has no
    teacher for the second. Here the mean itself learns from the labels. Only
    the head's own flag changes, so normalisation inside it stays in training.

    Args:
        head (ClsHead): A single-label head.
        feats (tuple): Features of N images, as backbone and neck give them.

    Returns:
        Tensor | tuple[Tensor]: Shape (N, num_classes), or several of them.
    """
    if not (head.training and getattr(head, 'distillation', False)):
        return head(feats)
    head.training = False
    try:
        return head(feats)
    finally:
        head.training = True


def take_rows(scores: Tensor | tuple, rows: Tensor) -> Tensor | tuple:
    """Select rows of a head's output, which may be several tensors."""
    if isinstance(scores, Tensor):
        return scores[rows]
    return tuple(score[rows] for score in scores)


def join_rows(one: Tensor | tuple, other: Tensor | tuple,
              order: Tensor) -> Tensor | tuple:
    """Put a head's outputs on two parts of a batch into one, in an order."""
    if isinstance(one, Tensor):
        return torch.cat([one, other])[order]
    return tuple(torch.cat(pair)[order]
                 for pair in zip(one, other, strict=True))


def logits_of(scores: Tensor | tuple) -> Tensor:
    """Return the logits a head predicts with, shape (N, num_classes).

    A head with several outputs, such as Conformer's, predicts from their sum.
    """
    return scores if isinstance(scores, Tensor) else sum(scores)


def label_logits(samples: list[DataSample], num_classes: int) -> Tensor:
    """Write labels as log probabilities, ``-inf`` where there is no mass."""
    if 'gt_score' in samples[0]:
        labels = torch.stack([sample.gt_score for sample in samples])
    else:
        labels = nn.functional.one_hot(
            torch.cat([sample.gt_label for sample in samples]), num_classes)
    return labels.float().log()
