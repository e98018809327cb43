# What every recipe of this folder shares: MMPretrain's runtime, the plugin,
# and the checks that stop a run with two heads before it goes wrong.
_base_ = ['mmpretrain::_base_/default_runtime.py']

custom_imports = dict(imports=['mmjtln'], allow_failed_imports=False)

default_hooks = dict(
    logger=dict(interval=10),
    # `--resume` goes on exactly; MMPretrain's CheckpointHook does not.
    checkpoint=dict(
        type='mmjtln.ResumableCheckpointHook',
        max_keep_ckpts=1,
        save_best='target/accuracy/top1'),
    learning_curve=dict(type='mmjtln.LearningCurveHook'))

# Averaged over `interval` steps, as losses are: MMEngine would log the last
# batch's, which may be a small one. `accuracy_top-` is a training batch's; a
# validation's (`accuracy/top1`) is whole, no mean with earlier ones is taken.
log_processor = dict(
    mean_pattern=r'.*(loss|time|grad_norm|accuracy_top-|ot_cost|ot_error).*')

randomness = dict(seed=0)
