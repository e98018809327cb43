"""Rule: an image of each domain and split loads, and their shapes fit."""
from typing import Any

from mmengine.dataset import Compose
from torch.utils.data import Dataset

from mmjtln.datasets import JointDataset
from mmjtln.datasets.contents import base_datasets, name_image
from mmjtln.generators import kept_generators

from .parts import domain_parts


def check_images(datasets: dict[str, Dataset]) -> None:
    """Load one image of each domain and split, and compare their shapes.

    The two domains of a data set stand in one batch, so their pipelines must
    give images of one shape; the network takes one number of channels.

    Args:
        datasets (dict[str, Dataset]): Data set of each split.

    Raises:
        RuntimeError: If an image cannot be read, naming it.
        ValueError: If shapes do not fit.
    """
    channels = {}
    for split, dataset in datasets.items():
        shapes = {}
        for domain, part in domain_parts(dataset).items():
            with kept_generators(), name_image(part, 0, f'{domain} {split}'):
                data = part[0]
            image = data.get('inputs') if isinstance(data, dict) else None
            if hasattr(image, 'shape'):
                shapes[domain] = tuple(image.shape)
                channels[f'{domain} {split}'] = image.shape[0]
        if isinstance(dataset, JointDataset) and len(set(
                shapes.values())) > 1:
            found = ' and '.join(
                f'{shape} of the {domain}' for domain, shape in shapes.items())
            raise ValueError(
                'Images of both domains stand in one batch and must have one '
                f'shape (channels, height, width), but the {split} pipelines '
                f'give {found}. Set `pipeline` of `{split}_dataloader.dataset'
                '.source` and `.target`, such as Resize, RandomResizedCrop or '
                'RandomGrayscale(keep_channels=...).')
    if len(set(channels.values())) > 1:
        raise ValueError(
            'The network takes images of one number of channels, but there '
            'are '
            + ', '.join(f'{count} in the {name} images'
                        for name, count in channels.items())
            + '. Set `color_type` of LoadImageFromFile, or add '
            'RandomGrayscale(prob=1., keep_channels=...) to the pipelines.')


class NamingPipeline:
    """A data set's transforms, with the image's name in each error.

    Args:
        pipeline (Compose): Called with what the data set knows of an image.
        name (str): What the errors call the data set, such as 'target val'.
    """

    def __init__(self, pipeline: Compose, name: str) -> None:
        self.pipeline = pipeline
        self.name = name

    def __getattr__(self, key: str) -> Any:
        if key == 'pipeline':  # Not there yet, while being unpickled.
            raise AttributeError(key)
        return getattr(self.pipeline, key)

    def __call__(self, data: dict) -> dict | None:
        """Transform an image."""
        try:
            return self.pipeline(data)
        except Exception as error:
            path = data.get('img_path') or data.get('sample_idx')
            raise RuntimeError(
                f'The {self.name} image {path} could not be read and '
                f'transformed: {type(error).__name__}: {error}. Restore the '
                'file, or take it out of the data set; tools/check_data.py '
                'finds all such files.') from error


def name_images(dataset: Dataset, split: str) -> None:
    """Make a data set name the image where its transforms fail.

    Args:
        dataset (Dataset): Changed in place. A :class:`JointDataset` names its
            images itself.
        split (str): For the errors.
    """
    if isinstance(dataset, JointDataset):
        return
    for base in base_datasets(dataset):
        if not isinstance(base.pipeline, NamingPipeline):
            base.pipeline = NamingPipeline(base.pipeline, f'target {split}')
