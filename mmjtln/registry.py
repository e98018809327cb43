"""The registries of mmjtln: what this plugin adds to MMPretrain, and where.

All are children of MMEngine's root registries, scope ``mmjtln``, so that a
config with ``default_scope = 'mmpretrain'`` reaches them as
``type='mmjtln.<name>'`` and the host's own names keep resolving.
"""
from mmengine.registry import DATA_SAMPLERS as MMENGINE_DATA_SAMPLERS
from mmengine.registry import DATASETS as MMENGINE_DATASETS
from mmengine.registry import HOOKS as MMENGINE_HOOKS
from mmengine.registry import METRICS as MMENGINE_METRICS
from mmengine.registry import MODELS as MMENGINE_MODELS
from mmengine.registry import OPTIM_WRAPPERS as MMENGINE_OPTIM_WRAPPERS
from mmengine.registry import TASK_UTILS as MMENGINE_TASK_UTILS
from mmengine.registry import Registry

#: Data sets and their wrappers, such as ``JointDataset``.
DATASETS = Registry(
    'dataset',
    parent=MMENGINE_DATASETS,
    scope='mmjtln',
    locations=['mmjtln.datasets'])
#: Samplers and batch samplers, such as ``JointSampler``.
DATA_SAMPLERS = Registry(
    'data sampler',
    parent=MMENGINE_DATA_SAMPLERS,
    scope='mmjtln',
    locations=['mmjtln.datasets'])
#: Classifiers, data preprocessors, necks and losses.
MODELS = Registry(
    'model',
    parent=MMENGINE_MODELS,
    scope='mmjtln',
    locations=['mmjtln.models', 'mmjtln.peers'])
#: Hooks of the training loop.
HOOKS = Registry(
    'hook',
    parent=MMENGINE_HOOKS,
    scope='mmjtln',
    locations=['mmjtln.hooks', 'mmjtln.peers', 'mmjtln.resume'])
#: What the optimizer is wrapped in: mixed precision.
OPTIM_WRAPPERS = Registry(
    'optimizer wrapper',
    parent=MMENGINE_OPTIM_WRAPPERS,
    scope='mmjtln',
    locations=['mmjtln.apis.bf16_optim_wrapper'])
#: Metrics.
METRICS = Registry(
    'metric',
    parent=MMENGINE_METRICS,
    scope='mmjtln',
    locations=['mmjtln.evaluation'])
#: Builders of cost matrices.
COSTS = Registry(
    'cost',
    parent=MMENGINE_TASK_UTILS,
    scope='mmjtln',
    locations=['mmjtln.costs'])
