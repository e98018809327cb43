"""Photographs of solar cells that come with a package."""
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mmpretrain.datasets import BaseDataset

from mmjtln.errors import check_choice, require
from mmjtln.registry import DATASETS


@DATASETS.register_module()
class ELPV(BaseDataset):
    """2,624 solar cells in electroluminescence, from elpv-dataset.

    Gray photographs of 300 x 300 pixels, of mono-crystalline (1,074) or
    poly-crystalline cells (1,550), each with the probability of a defect that
    experts gave: 0, 1/3, 2/3 or 1. The images are licensed CC BY-NC-SA 4.0,
    for non-commercial use alone. Of ten cells of one type and probability that
    follow each other in the file, four are for training, two for validation
    and four for testing; cells of one solar module may be in several parts.

    Source: Buerhop-Lutz et al., "A Benchmark for Visual Identification of
    Defective Solar Cells in Electroluminescence Imagery", EU PVSEC 2018.

    Args:
        cell_type (str): 'mono' or 'poly'.
        labels (str): 'levels', the four probabilities, or 'defective',
            yes or no: whether the probability is at least 1/2.
        split (str): 'train', 'val', 'test' (of mono 430, 215 and 429 cells)
            or 'all'. Defaults to 'train'.
        data_root (str): Folder of ``labels.csv`` and ``images``. Defaults to
            '', that of the package.
        **kwargs: Of :class:`~mmpretrain.datasets.BaseDataset`. ``test_mode``
            is True by default on 'val' and 'test'.

    Raises:
        ImportError: There is neither elpv-dataset nor a ``data_root``.
        ValueError: An argument is none of those above.
    """

    CELL_TYPES = ('mono', 'poly')
    CLASSES_OF = dict(
        levels=tuple(f'probability {part}' for part in ('0', '1/3', '2/3', 1)),
        defective=('functional', 'defective'))
    SPLITS = ('train', 'val', 'test', 'all')
    #: The parts of ten cells that follow each other.
    TURNS = ('train', 'test', 'val', 'test', 'train') * 2

    def __init__(self, cell_type: str, labels: str, split: str = 'train',
                 data_root: str = '', **kwargs: Any) -> None:
        check_choice(cell_type, 'cell_type', 'ELPV', self.CELL_TYPES)
        check_choice(labels, 'labels', 'ELPV', self.CLASSES_OF)
        check_choice(split, 'split', 'ELPV', self.SPLITS)
        self.cell_type, self.labels, self.split = cell_type, labels, split
        kwargs.setdefault('metainfo', dict(classes=self.CLASSES_OF[labels]))
        kwargs.setdefault('test_mode', split in ('val', 'test'))
        package: Any = find_spec('elpv_dataset')
        require(data_root or package, 'ELPV reads the images that '
                'elpv-dataset carries', 'but it is not installed',
                'Run `pip install "mmjtln[elpv]"`, or give the folder that '
                'holds labels.csv as `data_root`', ImportError)
        super().__init__(ann_file='', data_root=data_root or str(Path(
            package.submodule_search_locations[0], 'data')), **kwargs)

    def load_data_list(self) -> list[dict]:
        """Return ``img_path`` and ``gt_label`` of each image of the split."""
        found, seen = [], [0] * 4
        root = Path(self.data_root)
        for line in (root / 'labels.csv').read_text().splitlines():
            name, probability, cell_type = line.split()
            if cell_type != self.cell_type:
                continue
            level = round(3 * float(probability))
            part = self.TURNS[seen[level] % len(self.TURNS)]
            seen[level] += 1
            if self.split in (part, 'all'):
                found.append(dict(
                    img_path=str(root / name),
                    gt_label=level if self.labels == 'levels' else level // 2))
        return found
