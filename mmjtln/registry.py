"""The registries of mmjtln: what this plugin adds to MMPretrain, and where.

All are children of MMEngine's root registries, scope ``mmjtln``, so that a
config with ``default_scope = 'mmpretrain'`` reaches them as
``type='mmjtln.<name>'`` and the host's own names keep resolving.
"""
from mmengine.registry import Registry, root


def _registry(name: str, parent: Registry, *rooms: str) -> Registry:
    return Registry(name, parent=parent, scope='mmjtln',
                    locations=[f'mmjtln.{room}' for room in rooms])


#: Data sets and their wrappers, such as ``JointDataset``.
DATASETS = _registry('dataset', root.DATASETS, 'datasets')
#: Samplers and batch samplers, such as ``JointSampler``.
DATA_SAMPLERS = _registry('data sampler', root.DATA_SAMPLERS, 'datasets')
#: Classifiers, data preprocessors, necks and losses.
MODELS = _registry('model', root.MODELS, 'models', 'peers')
#: Hooks of the training loop.
HOOKS = _registry('hook', root.HOOKS, 'hooks', 'peers', 'resume')
#: What the optimizer is wrapped in: mixed precision.
OPTIM_WRAPPERS = _registry('optimizer wrapper', root.OPTIM_WRAPPERS,
                           'apis.launch')
#: Metrics.
METRICS = _registry('metric', root.METRICS, 'evaluation')
#: Builders of cost matrices.
COSTS = _registry('cost', root.TASK_UTILS, 'costs')
