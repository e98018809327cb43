"""Source and target as one data set, each sample knowing its domain."""
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
from mmengine.dataset import ConcatDataset
from torch.utils.data import Dataset, get_worker_info

from mmjtln.domains import DOMAINS, SOURCE, TARGET
from mmjtln.errors import check_choice, require
from mmjtln.generators import SeededIndex, kept_generators, seed_generators
from mmjtln.registry import DATASETS

from .build import build_domain
from .class_lists import ClassList, classes_of
from .contents import (
    class_indices,
    in_data_set,
    look_through,
    name_image,
    single_label,
)
from .union_dataset import UnionDataset


@DATASETS.register_module()
class JointDataset(ConcatDataset):
    """A source and a target data set behind one index.

    Indices ``[0, source_length)`` are the source's, the rest the target's.
    Each sample says its domain in the metainfo field ``domain`` of its
    :class:`~mmpretrain.structures.DataSample` and keeps the label of its own
    data set. The metainfo is the target's, plus ``source_classes``. A sample
    whose index carries a seed, as those of :class:`JointSampler` do, is loaded
    and augmented with the global generators seeded with it.

    Args:
        source (Dataset | dict | list): A config or a data set of MMPretrain,
            wrapped or not, whose pipeline gives images of the target's shape
            and ends with ``PackInputs``; a :class:`ClassList`, a source
            without images; or a list, a :class:`UnionDataset`.
        target (Dataset | dict): The target data set, likewise.
        **inherited: None is taken: an error says how they came here.

    Raises:
        ValueError: A domain is missing, is empty, has no class names, mixes
            class lists, or its images have no label or several.
        TypeError: A domain is no data set.
    """

    def __init__(self,
                 source: Dataset | dict | list | None = None,
                 target: Dataset | dict | None = None,
                 **inherited: Any) -> None:
        require(not inherited, 'A JointDataset takes `source` and `target`',
                f'but got {sorted(inherited)} as well', 'If a data set of the '
                '`_base_` config left them behind, add `_delete_=True` beside '
                "`type='mmjtln.JointDataset'`", TypeError)
        # The parent's constructor refuses wrappers and differing class
        # lists, the very things this class is for.
        self.datasets = [build_domain(SOURCE, source),
                         build_domain(TARGET, target)]
        self._fully_initialized = False
        for domain, dataset in zip(DOMAINS, self.datasets, strict=True):
            with in_data_set(domain):
                dataset.full_init()
                if domain == SOURCE and isinstance(dataset, ClassList):
                    continue
                require(len(dataset), 'A domain must hold images', 'but there '
                        'are none', 'Check its paths, splits and filters')
                classes_of(dataset, domain)
                look_through(dataset)
                single_label(dataset.get_data_info(0))
        self.full_init()

    @property
    def source(self) -> Dataset:
        """Dataset: The source data set."""
        return self.datasets[0]

    @property
    def target(self) -> Dataset:
        """Dataset: The target data set."""
        return self.datasets[1]

    @property
    def source_length(self) -> int:
        """int: Number of source images, 0 for a :class:`ClassList`."""
        return len(self.source)

    @property
    def source_classes(self) -> Sequence[str]:
        """Sequence[str]: Names of the source classes."""
        return self.source.metainfo['classes']

    @property
    def metainfo(self) -> dict:
        """dict: The target's metainfo, and ``source_classes``."""
        return {**self.target.metainfo, 'source_classes': self.source_classes}

    def _get_ori_dataset_idx(self, idx: int) -> tuple[int, int]:
        # The parent searches, checks and warns; this runs for every image.
        start, end = self.cumulative_sizes
        # Plain again: what a seeded index carries ends here.
        position = int(idx + end if idx < 0 else idx)
        if 0 <= position < start:
            return 0, position
        if start <= position < end:
            return 1, position - start
        raise IndexError(f'index must be in [{-end}, {end}), but got {idx}')

    def get_data_info(self, idx: int) -> dict:
        """Return the annotation of an image, its ``domain`` included."""
        domain = DOMAINS[self._get_ori_dataset_idx(idx)[0]]
        return {**super().get_data_info(idx), 'domain': domain}

    def __getitem__(self, idx: int) -> dict:
        return self.__getitems__([idx])[0]

    def __getitems__(self, indices: Sequence[Any]) -> list[dict]:
        """Return several samples: PyTorch's loaders ask for a batch."""
        if not all(isinstance(idx, SeededIndex) for idx in indices):
            return [self._sample(idx) for idx in indices]
        # Keeping the generators takes ten times as long as seeding them, so
        # it is done once a batch, and not in a worker, whose generators
        # nobody else draws from.
        samples = []
        with kept_generators() if get_worker_info() is None else nullcontext():
            for idx in indices:
                seed_generators(idx.seed)
                samples.append(self._sample(idx))
        return samples

    def _sample(self, idx: int) -> dict:
        number, inner_idx = self._get_ori_dataset_idx(idx)
        domain = DOMAINS[number]
        with name_image(self.datasets[number], inner_idx, domain):
            data = self.datasets[number][inner_idx]
        require(isinstance(data, dict) and 'data_samples' in data,
                'A pipeline must give `data_samples`',
                f"but the {domain}'s does not", f'End `{domain}.pipeline` '
                "with dict(type='PackInputs')")
        # Of test-time augmentation there are several.
        samples = data['data_samples']
        # Set last, so that no pipeline has to know the key.
        told = dict(domain=domain)
        if isinstance(self.datasets[number], UnionDataset):
            told['source_name'] = self.datasets[number].source_of(inner_idx)
        for data_sample in samples if isinstance(samples, list) else [samples]:
            data_sample.set_metainfo(told)
        return data

    def gt_labels(self, domain: str) -> np.ndarray:
        """Return the class index of every image of a domain, int64, (N, )."""
        check_choice(domain, 'domain', 'a JointDataset', DOMAINS)
        return class_indices(self.datasets[DOMAINS.index(domain)], domain)
