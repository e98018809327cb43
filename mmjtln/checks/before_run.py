"""All that must hold before a run's first step, as a list.

Each check raises one error that says what was found and what to set. The
first line of its docstring is the rule, which pages and help show.
"""
from mmengine.config import Config

from mmjtln.run_config import with_registered_names

from .data import (
    both_domains,
    class_lists,
    evaluators,
    heads,
    images,
    labels,
    source_list,
)
from .start import (
    all_weights,
    class_check,
    cost_matrix,
    cost_source,
    same_classes,
    seed,
    stock_head,
)
from .warnings import folders, judged_images, schedules, steps

#: Of a config, before anything is built from it.
CONFIG = (seed, cost_source, class_check)
#: Of any run: of one that only tests, its test data.
ANY_RUN = (heads, labels, class_lists, evaluators, images)
#: Of a run that trains.
TRAINING = (both_domains, source_list, *ANY_RUN)
#: Of a run and each checkpoint that it loads.
CHECKPOINT = (all_weights, stock_head, same_classes)
#: Of a run that trains, once its checkpoint is loaded.
FIRST_STEP = (cost_matrix, )
#: What is allowed and seldom meant: each yields sentences for the log.
WARNINGS = (steps, schedules, judged_images, folders)

_TABLE = {
    'Before anything is built': CONFIG,
    'Of model, data and metrics': TRAINING,
    'Of a checkpoint that is loaded': CHECKPOINT,
    'Before the first step': FIRST_STEP,
    'Warnings': WARNINGS,
}


def check_config(cfg: Config) -> None:
    """Refuse a config without what a training run cannot do without.

    The hooks that look at a run cannot say that they are not there.

    Raises:
        ValueError: As :data:`CONFIG`.
    """
    cfg = with_registered_names(cfg)
    for check in CONFIG:
        check(cfg)


def list_of_checks() -> str:
    """Write all rules as a list, in the order in which they are asked."""
    return '\n\n'.join(
        f'{when}:\n\n' + '\n'.join(
            f'- {check.__doc__.partition(chr(10))[0]}' for check in checks)
        for when, checks in _TABLE.items())
