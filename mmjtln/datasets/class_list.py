"""A source domain of which only the class names are known."""
from collections.abc import Sequence
from pathlib import Path

from mmengine.dataset import BaseDataset

from mmjtln.class_lists import check_names
from mmjtln.files.user_files import read_lines
from mmjtln.registry import DATASETS

from .known_classes import checkpoint_classes, registered_classes, short_names

#: What ``classes`` says where it means the checkpoint that a run starts from.
CHECKPOINT = 'checkpoint'
_WEIGHTS = ('.pth', '.pt', '.ckpt')


@DATASETS.register_module()
class ClassList(BaseDataset):
    """A source without images: the classes that a checkpoint knows.

    As ``source`` of a :class:`JointDataset` it says what the outputs of the
    source head mean, which the checkpoint in ``load_from`` brings with it.
    All images of a batch are then the target's, there is no source loss
    (``model.lambda_s=0``), and the source head stays as it was loaded,
    unless the OT term trains it.

    Args:
        classes (Sequence[str] | str): The names, in the order of the source
            head's outputs:

            - a list of names;
            - a text file, UTF-8, one name a line;
            - the type of a registered data set that has class names, in any
              case: ``'imagenet'``, ``'cub'``, ...;
            - a checkpoint (a file or an address that ends in ``.pth``,
              ``.pt`` or ``.ckpt``): the classes it was trained on, as its
              ``meta.dataset_meta`` names them;
            - ``'checkpoint'``: that in ``load_from`` of the run. Known where
              the run is started by ``tools/train.py``, ``tools/test.py`` or
              :func:`mmjtln.apis.train`.

            A list of a data set or a checkpoint can name synonyms
            (``'tench, Tinca tinca'``) and one name twice (ImageNet's
            ``'crane'``); see
            :func:`~mmjtln.datasets.known_classes.short_names` for what
            becomes of them. Names that you give are taken as they are.
        lazy_init (bool): As in the other data sets. Defaults to False.

    Raises:
        ValueError: If there are no names, one is given twice, or what
            ``classes`` says is unknown.

    Attributes:
        metainfo (dict): ``classes``, a tuple of L unique names, and
            ``synonyms``, a list of L tuples: all names of each class.

    Examples:
        >>> imagenet = ClassList('imagenet')
        >>> imagenet.metainfo['classes'][0], imagenet.metainfo['synonyms'][0]
        ('tench', ('tench', 'Tinca tinca'))
    """

    def __init__(self, classes: Sequence[str] | str,
                 lazy_init: bool = False) -> None:
        names, synonyms = _read(classes)
        super().__init__(metainfo=dict(classes=names, synonyms=synonyms),
                         serialize_data=False, lazy_init=lazy_init)

    def load_data_list(self) -> list[dict]:
        """Return the annotations of no image."""
        return []


def _read(
    classes: Sequence[str],
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return names and synonyms."""
    if not isinstance(classes, (str, Path)):
        names = check_names(
            classes if isinstance(classes, Sequence) else list(classes),
            'source')
        return names, [(name, ) for name in names]
    if classes == CHECKPOINT:
        raise ValueError(
            "classes='checkpoint' of a ClassList is the checkpoint that the "
            'run starts from, and there is none: set `load_from` in the '
            'config and start the run by tools/train.py or '
            'mmjtln.apis.train, or name the file, classes="weights.pth"')
    if str(classes).endswith(_WEIGHTS):
        names = checkpoint_classes(str(classes))
        if names is None:
            raise ValueError(
                f'the checkpoint {classes} does not name its classes (there '
                'is no meta.dataset_meta.classes in it); set `classes` of '
                'the ClassList to the list it was trained on, such as '
                "'imagenet'")
        return _unique(names)
    path = Path(classes)
    if path.is_file():
        names = check_names(read_lines(path, 'class list'), 'source')
        return names, [(name, ) for name in names]
    if path.suffix:
        raise FileNotFoundError(
            f'there is no class list at {path}: set `classes` of the '
            'ClassList to a text file of one name a line')
    return _unique(registered_classes(str(classes)))


def _unique(
    names: Sequence[str],
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    short, synonyms = short_names(names)
    return check_names(short, 'source'), synonyms
