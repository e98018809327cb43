"""All that must hold before a run's first step, as a list.

Each check raises one error that says what was found and what to set. The
first line of its docstring is the rule, or says when a warning is given.
"""
from mmengine.config import Config

from . import data, folders, images, start, warnings

#: Of a config, before anything is built from it.
CONFIG = (start.seed, start.lengths, start.batches, start.cost_source,
          start.class_check)
#: Of any run: of one that only tests, its test data.
ANY_RUN = (data.classes, data.labels, data.evaluators, images.judged_whole,
           images.images)
#: Of a run that trains.
TRAINING = (data.both_domains, *ANY_RUN)
#: Of a run and each checkpoint that it loads.
CHECKPOINT = (start.all_weights, start.stock_head, start.same_classes)
#: Of a run that trains, once its checkpoint is loaded.
FIRST_STEP = (start.cost_matrix, images.rehearsal)
#: What is allowed and seldom meant: each yields sentences for the log.
WARNINGS = (warnings.steps, warnings.judged_images, folders.folders)

_TABLE = {
    'Before anything is built': CONFIG,
    'Of model, data and metrics': TRAINING,
    'Of a checkpoint that is loaded': CHECKPOINT,
    'Before the first step': FIRST_STEP,
    'Warnings': WARNINGS,
}


def check_config(cfg: Config) -> None:
    """Ask what must hold of a config before a training run is built."""
    for check in CONFIG:
        check(cfg)


def list_of_checks() -> str:
    """Write all rules as a list, in the order in which they are asked."""
    return '\n\n'.join(
        '\n- '.join([f'{when}:\n', *(str(check.__doc__).split('\n')[0]
                                     for check in checks)])
        for when, checks in _TABLE.items())
