"""Base of the builders that look at images through a network."""
from collections.abc import Callable, Sequence
from typing import Any

from torch import nn
from torch.utils.data import Dataset

from mmjtln.datasets import ClassList
from mmjtln.errors import check_count
from mmjtln.inference.domain_images import DomainImages, check_pipeline
from mmjtln.inference.image_model import image_model

from .base import BaseCost


class ImageCost(BaseCost):
    """Base class of builders that run a network over images.

    Args:
        model (dict | str, optional): The network: a model config, or the name
            or config file of one that ``mmpretrain.get_model`` knows. Defaults
            to None: the model being trained.
        checkpoint (str, optional): Weights of ``model``. Defaults to None.
        device (str, optional): Where to run ``model``. Defaults to None: where
            the model being trained is, else MMEngine's choice.
        pipeline (list[dict] | dict, optional): Transforms without random
            augmentation, normally the test pipeline; a dict with the keys
            ``source`` and ``target`` gives each domain its own. Defaults to
            None: the data sets' own, refused if they augment at random.
        samples_per_class (int, optional): Images drawn from each class at
            most; None takes all. Defaults to 50.
        seed (int): Seed of that draw. Defaults to 0.
        batch_size (int): Images in a forward pass. Defaults to 64.
        num_workers (int): Processes that load images. Defaults to 0, none.
        **kwargs: Arguments of :class:`BaseCost`.
    """

    libraries = ('numpy', 'torch', 'mmengine', 'mmpretrain')
    #: Images of each class that the method needs.
    min_per_class = 1

    def __init__(self,
                 model: dict | str | None = None,
                 checkpoint: str | None = None,
                 device: str | None = None,
                 pipeline: list | dict | None = None,
                 samples_per_class: int | None = 50,
                 seed: int = 0,
                 batch_size: int = 64,
                 num_workers: int = 0,
                 **kwargs: Any) -> None:
        super().__init__(**kwargs)
        where = type(self).__name__
        if samples_per_class is not None:
            check_count(samples_per_class, 'samples_per_class', where)
        check_count(seed, 'seed', where, least=0)
        check_count(batch_size, 'batch_size', where)
        check_count(num_workers, 'num_workers', where, least=0)
        check_pipeline(pipeline)
        self.model = model
        self.checkpoint = checkpoint
        self.device = device
        self.pipeline = pipeline
        self.samples_per_class = samples_per_class
        self.seed = seed
        self.batch_size = batch_size
        self.num_workers = num_workers

    def images(self, dataset: Dataset, domain: str) -> DomainImages:
        """Choose the images of a domain; checks that they are enough."""
        if isinstance(dataset, ClassList):
            raise ValueError(
                f'{type(self).__name__} compares images, but the {domain} is '
                'a ClassList, which has none: use a builder that reads class '
                'names (TextCost, TaxonomyCost) or a file (FileCost), or give '
                'a source with images')
        if (self.samples_per_class or self.min_per_class) < self.min_per_class:
            raise ValueError(
                f'{type(self).__name__} needs {self.min_per_class} images of '
                f'each class but samples_per_class={self.samples_per_class}')
        return DomainImages(dataset, domain, self.pipeline,
                            self.samples_per_class, self.min_per_class,
                            self.seed)

    def network(self, current: nn.Module | None,
                parts: Callable[[nn.Module], Sequence[str]]
                ) -> nn.Module | None:
        """Return the network to use, see :func:`image_model`.

        It is None when there is none yet: :meth:`check` may run before the
        model being trained is known.
        """
        return image_model(self.model, self.checkpoint, self.device, parts,
                           current)

    def require_network(self, network: nn.Module) -> None:
        """Refuse to work without a network."""
        if network is None:
            raise ValueError(
                f'{type(self).__name__} looks at images and needs a network: '
                'pass the model being trained, or give the builder model=... '
                'and checkpoint=...')
