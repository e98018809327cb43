"""Joint Transfer Learning Networks (JTLN) for MMPretrain.

Importing it registers everything, so that a config reaches it as
``type='mmjtln.<name>'``. Open ``models/classifier.py`` first: the method in
one class. The rooms, from what knows nobody to what a notebook imports:

- ``files``: written whole, locked, and read with clear errors.
- ``ot``: the entropic optimal transport solver, pure torch.
- ``models``: the classifier with two heads, and the OT loss.
- ``heads``: classifiers that begin at what is known.
- ``peers``: what one would pick instead of JTLN.
- ``datasets``: two data sets as one, and the order in which it is seen.
- ``evaluation``: any metric, of one domain.
- ``inference``: a network over the images of a domain.
- ``costs``: cost matrices, from class names and from images.
- ``visualization``: pictures of them, of plans and of learning curves.
- ``hooks``: what happens around a run's steps.
- ``resume``: runs that go on exactly where they stopped.
- ``checkpoints``: checkpoints read without running code.
- ``export``: the trained classifier in MMPretrain's own types, or ONNX.
- ``checks``: what must hold before a run's first step.
- ``comparison``: JTLN beside the alternatives, on one's own data.
- ``apis``: training and prediction in one call.
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
