"""A seeded choice of images per class of one domain, ready for a model."""
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from mmengine.dataset import Compose
from mmpretrain.registry import TRANSFORMS
from torch.utils.data import Dataset

from mmjtln.datasets.class_lists import classes_of, quote_names
from mmjtln.datasets.contents import (
    class_indices,
    images_by_class,
    look_through,
    name_image,
    unique_images,
)
from mmjtln.domains import DOMAINS
from mmjtln.errors import require

# Random transforms of the hosts whose names do not contain "Random".
_RANDOM = {
    'Albumentations', 'AutoAugment', 'AugMix', 'BEiTMaskGenerator',
    'ColorJitter', 'ElasticTransform', 'Lighting', 'RandAugment',
    'SimMIMMaskGenerator', 'TrivialAugmentWide'
}
# Those that are not, with a probability of one.
_ALWAYS = ('RandomGrayscale', 'RandomFlip')


def check_pipeline(pipeline: list | dict | None) -> None:
    """Refuse a pipeline per domain that is not one for each of the two."""
    domains = set(pipeline) if isinstance(pipeline, Mapping) else set(DOMAINS)
    require(domains == set(DOMAINS), 'A pipeline per domain is a dict with '
            f'the keys {" and ".join(DOMAINS)}', f'got {sorted(domains)}',
            'Give one for each, or one list for both')


class DomainImages(Dataset):
    """The images of one domain that a cost matrix is estimated from.

    ``pipeline`` leads to ``inputs``; a dict has one for each domain, and None
    takes the data set's own, unless it is random. At most
    ``samples_per_class`` images of a class are drawn by ``seed``; ``labels``
    (N,) are their classes, ascending.
    """

    def __init__(self, dataset: Dataset, domain: str,
                 pipeline: Sequence[dict] | dict | None = None,
                 samples_per_class: int | None = None,
                 seed: int = 0) -> None:
        self.dataset, self.domain = dataset, domain
        self.classes = classes_of(dataset, domain)
        pairs = unique_images(dataset)
        _, first = np.unique(look_through(dataset)[1], return_index=True)
        labels = class_indices(dataset, domain)[first]
        counts = np.bincount(labels, minlength=len(self.classes))
        empty = [self.classes[k] for k in np.flatnonzero(counts == 0)]
        require(not empty, f'There must be an image of each {domain} class',
                f'but there is none of {quote_names(empty)}', 'Add images, '
                'leave the classes out, or use a cost that needs none')
        chosen = _draw(labels, len(self.classes), samples_per_class, seed)
        self.labels = labels[chosen]
        self._pairs = [pairs[i] for i in chosen]
        if isinstance(pipeline, Mapping):
            pipeline = pipeline[domain]
        random = [step for base in look_through(dataset)[0]
                  for step in random_steps(base.pipeline)]
        require(pipeline is not None or not random, 'A cost matrix is made of '
                'images as they are', f'but the pipeline of the {domain} data '
                f'set augments at random ({", ".join(random)})', 'Give the '
                'cost builder the test pipeline, pipeline=test_pipeline')
        self._pipeline = pipeline and Compose([
            TRANSFORMS.build(step) if isinstance(step, dict) else step
            for step in pipeline])

    @property
    def paths(self) -> list[str]:
        """list[str]: File of each image, as long as there is one of each."""
        return [owner.get_data_info(i)['img_path'] for owner, i in self._pairs]

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, index: int) -> torch.Tensor:
        owner, i = self._pairs[index]
        pipeline = self._pipeline or owner.pipeline
        with name_image(owner, i, self.domain):
            data = pipeline(owner.get_data_info(i))
        require(isinstance(data, dict) and 'inputs' in data, 'A pipeline must '
                'end in "inputs"', f'but that of {self.domain} image {i} '
                f'gives {type(data).__name__} without "inputs"', 'End it with '
                "dict(type='PackInputs')")
        return data['inputs']


def _draw(labels: np.ndarray, num_classes: int, per_class: int | None,
          seed: int) -> np.ndarray:
    chosen = []
    for k, members in enumerate(images_by_class(labels, num_classes)):
        if per_class is not None and len(members) > per_class:
            # One stream a class: draws do not depend on other classes.
            rng = np.random.default_rng([seed, k])
            members = np.sort(rng.permutation(members)[:per_class])
        chosen.append(members)
    return np.concatenate(chosen)


def random_steps(pipeline: Compose) -> list[str]:
    """Name the transforms that may give another image each time."""
    # What is done always is not random.
    return [name for step in steps_of(pipeline)
            if ('Random' in (name := type(step).__name__) or name in _RANDOM)
            and (name not in _ALWAYS or getattr(step, 'prob', 0) != 1)]


def steps_of(transform: Callable) -> list[Callable]:
    """Return a transform and those inside of it."""
    inner = getattr(transform, 'transforms', None)
    if not isinstance(inner, list | tuple):
        return [transform]
    # Containers such as RandomApply can be random themselves.
    return [transform] + [s for part in inner for s in steps_of(part)]
