"""Joint Transfer Learning Networks (JTLN) for MMPretrain."""
from .hosts import check_hosts

check_hosts()

from . import (  # noqa: E402
    costs,
    datasets,
    evaluation,
    hooks,
    models,
    peers,
    resume,
    visualization,
)
from .recipes import recipe  # noqa: E402
from .safe_loading.checkpoint import register_checkpoint_loaders  # noqa: E402
from .version import __version__  # noqa: E402

register_checkpoint_loaders()

__all__ = [
    '__version__', 'costs', 'datasets', 'evaluation', 'hooks', 'models',
    'peers', 'recipe', 'resume', 'visualization'
]
