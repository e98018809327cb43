"""Joint Transfer Learning Networks (JTLN) for MMPretrain."""
from .hosts import check_hosts

check_hosts()

from . import costs, datasets, engine, evaluation, models  # noqa: E402
from . import visualization  # noqa: E402
from .engine.checkpoint import register_checkpoint_loaders  # noqa: E402
from .version import __version__  # noqa: E402

register_checkpoint_loaders()

__all__ = [
    '__version__', 'costs', 'datasets', 'engine', 'evaluation', 'models',
    'visualization'
]
