"""A few images of each class, drawn by seed."""
import numpy as np
from torch.utils.data import Dataset

from mmjtln.datasets.labels import images_by_class
from mmjtln.options import check_count
from mmjtln.registry import DATASETS

from .subset import SubsetDataset


@DATASETS.register_module()
class FewShotDataset(SubsetDataset):
    """The same number of images of each class of a data set.

    The draw depends on ``seed`` and the order of the data set alone. With
    one seed, a draw of fewer shots is part of a draw of more, so learning
    curves over shots add images and replace none.

    Args:
        dataset (Dataset | dict): A config or a data set, see
            :class:`SubsetDataset`.
        shots (int): Number of images of each class, at least 1.
        seed (int): Seed of the draw, not negative. Defaults to 0.
        lazy_init (bool): Whether to put off drawing until
            :meth:`full_init`. Defaults to False.

    Raises:
        ValueError: ``shots`` is no positive int, ``seed`` is negative, or a
            class has fewer images.
    """

    def __init__(self, dataset: Dataset | dict, shots: int, seed: int = 0,
                 lazy_init: bool = False) -> None:
        check_count(shots, 'shots', 'FewShotDataset')
        check_count(seed, 'seed', 'FewShotDataset', least=0)
        self.shots = shots
        self.seed = seed
        super().__init__(dataset, lazy_init=lazy_init)

    def _select(self, dataset: Dataset, labels: np.ndarray) -> list[int]:
        chosen = []
        names = dataset.metainfo.get('classes', ())
        for label, indices in enumerate(images_by_class(labels, len(names))):
            if len(indices) < self.shots:
                raise ValueError(
                    f'each class must have shots={self.shots} images, but '
                    f'class {names[label]!r} has {len(indices)}; lower '
                    '`shots` of the FewShotDataset or add images')
            # A generator for each class: the draw of one class does not
            # depend on how many images another has.
            rng = np.random.default_rng([self.seed, label])
            chosen.append(rng.permutation(indices)[:self.shots])
        if not chosen:
            raise ValueError(
                f'{type(dataset).__name__} has no class names to draw images '
                'of; set `metainfo=dict(classes=[...])` of it')
        return np.sort(np.concatenate(chosen)).tolist()
