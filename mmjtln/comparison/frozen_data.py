"""Images of classes as features of a frozen network, and their splits."""
from dataclasses import dataclass

import numpy as np
from torch import nn
from torch.utils.data import Dataset

from mmjtln.inference.domain_images import DomainImages
from mmjtln.inference.features import extract_features


@dataclass(frozen=True)
class FrozenData:
    """Features with labels, and what picture shows which thing.

    Args:
        features (np.ndarray): Shape (N, D), float64.
        labels (np.ndarray): Class indices, shape (N, ).
        items (np.ndarray): What each picture shows, strings, shape (N, ):
            pictures of the same thing never part between training and test.
        classes (tuple[str, ...]): L names.
    """

    features: np.ndarray
    labels: np.ndarray
    items: np.ndarray
    classes: tuple[str, ...]


def read_features(dataset: Dataset, model: nn.Module, separator: str | None
                  ) -> FrozenData:
    """Compute the features before a model's last layer.

    Args:
        dataset (Dataset): MMPretrain data set with its test pipeline.
        model (nn.Module): An ``ImageClassifier``.
        separator (str, optional): What stands in file names between the
            thing shown and the rest. None: each picture shows another thing.
    """
    images = DomainImages(dataset, 'target')
    names = [dataset.get_data_info(i)['img_path'].rpartition('/')[2]
             for i in range(len(dataset))]
    # DomainImages sorts by class, and so does CustomDataset.
    order = np.argsort([dataset.get_data_info(i)['gt_label']
                        for i in range(len(dataset))], kind='stable')
    items = [names[i] if separator is None else names[i].split(separator)[0]
             for i in order]
    return FrozenData(
        extract_features(model, images, 'pre_logits').numpy().astype(float),
        images.labels, np.array(items), images.classes)


def split(data: FrozenData, seed: int, shots: int, validation: bool,
          share: float = 0.2, pool: float = 0.6
          ) -> tuple[np.ndarray, np.ndarray]:
    """Draw the few training pictures and those that judge.

    A fifth of the things of each class, the same for all seeds, is for
    validation; of the others a seed's larger part is to draw from, and the
    rest is for its test. Different things are drawn first.

    Args:
        data (FrozenData): N pictures.
        seed (int): Of the draw.
        shots (int): Pictures a class.
        validation (bool): Whether to judge by the validation pictures.
        share (float): Share of the things for validation. Defaults to 0.2.
        pool (float): Share of the others to draw from. Defaults to 0.6.

    Returns:
        tuple[np.ndarray, np.ndarray]: Indices, ascending.

    Raises:
        ValueError: If a class has fewer pictures to draw from.
    """
    train, judge = [], []
    for label, name in enumerate(data.classes):
        members = np.flatnonzero(data.labels == label)
        things = np.unique(data.items[members])
        held = np.random.default_rng([label]).permutation(things)
        count = round(share * len(held))
        rng = np.random.default_rng([seed, label])
        others = rng.permutation(held[count:])
        cut = round(pool * len(others))
        drawn = _draw(data, members, others[:cut], shots, rng)
        if len(drawn) < shots:
            raise ValueError(
                f'{shots} shots need as many pictures of each class to draw '
                f'from, but {name!r} has {len(drawn)}. Ask for fewer.')
        train += drawn
        wanted = held[:count] if validation else others[cut:]
        judge += list(members[np.isin(data.items[members], wanted)])
    return np.sort(np.array(train, dtype=int)), np.sort(judge)


def _draw(data: FrozenData, members: np.ndarray, things: np.ndarray,
          shots: int, rng: np.random.Generator) -> list[int]:
    """Take one picture of each thing in turn, then the next of each."""
    rounds = []
    for turn, thing in enumerate(things):
        pictures = rng.permutation(members[data.items[members] == thing])
        rounds += [(number, turn, picture)
                   for number, picture in enumerate(pictures)]
    return [int(picture) for *_, picture in sorted(rounds)[:shots]]
