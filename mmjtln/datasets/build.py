"""Build a data set from a config, whatever the default scope is."""
from mmengine.dataset import BaseDataset
from mmengine.registry import DefaultScope
from mmpretrain.registry import DATASETS
from torch.utils.data import Dataset


def build_dataset(dataset: Dataset | dict) -> Dataset:
    """Build a data set unless it is one already.

    Wrappers of MMEngine build what they wrap with MMEngine's root registry,
    which finds MMPretrain's data sets only under a default scope. Where none
    is set, in a notebook say, MMPretrain's is set while building.

    Args:
        dataset (Dataset | dict): A config with ``type``, or a data set.

    Returns:
        Dataset: The data set; an instance comes back as it is.

    Raises:
        TypeError: If the type does not take a key of the config.
    """
    if not isinstance(dataset, dict):
        return dataset
    _forget_copies()
    scope = None if DefaultScope.get_current_instance() else 'mmpretrain'
    try:
        with DefaultScope.overwrite_default_scope(scope):
            return DATASETS.build(dataset)
    except TypeError as error:
        if 'unexpected keyword argument' not in str(error):
            raise
        raise TypeError(
            f'{error}; if a data set of the `_base_` config left that key '
            'behind, add `_delete_=True` beside '
            f'`type={dataset.get("type")!r}`') from error


def _forget_copies() -> None:
    """Empty the memo that MMEngine's copies of data sets share.

    A fold or a subset is a copy, and MMEngine's `_copy_without_annotation`
    keeps what it has copied in a default argument, by the addresses of
    objects. One at the address of an object that is gone would silently get
    what that one had, such as its pipeline.
    """
    for default in BaseDataset._copy_without_annotation.__defaults__ or ():
        if isinstance(default, dict):
            default.clear()
