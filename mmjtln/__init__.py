"""Joint Transfer Learning Networks (JTLN) for MMPretrain.

Importing it registers everything, so that a config reaches it as
``type='mmjtln.<name>'``. Open ``models/classifier.py`` first: the method in
one class. The README has a map of the rooms.
"""
from .hosts import any_host, check_hosts, quiet_hosts, recipe
from .version import __version__

__all__ = [
    '__version__', 'costs', 'datasets', 'evaluation', 'hooks', 'models',
    'peers', 'recipe', 'resume', 'visualization'
]

if any_host():
    quiet_hosts()

    from . import (
        costs,
        datasets,
        evaluation,
        hooks,
        models,
        peers,
        resume,
        visualization,
    )
    from .checkpoints.reading import register_checkpoint_loaders

    register_checkpoint_loaders()
else:
    # Without OpenMMLab, `mmjtln.ot` serves all the same.
    def __getattr__(name: str) -> None:
        """Say what to install for a room that needs the hosts."""
        if name in __all__:
            check_hosts()
        raise AttributeError(f'module {__name__!r} has no {name!r}')
