"""What an exported model says of itself: plain numbers, words and lists."""
import json
from pathlib import Path

import torch
from mmengine.config import Config

import mmjtln
from mmjtln.costs import CostMatrix
from mmjtln.datasets.class_lists import domain_classes

_OPTIONS = ('lambda_s', 'lambda_ot', 'ot_images', 'own_marginal', 'ot_loss',
            'batch_statistics')


def model_card(cfg: Config, checkpoint: dict, path: Path, domain: str) -> dict:
    """Describe a trained classifier.

    Args:
        cfg (Config): The config of the joint run.
        checkpoint (dict): Its checkpoint.
        path (Path): Where that lay, to find the cost matrix beside it.
        domain (str): ``'target'`` or ``'source'``: whose classifier it is.

    Returns:
        dict: ``method``, ``domain``, ``source_classes``, ``target_classes``,
        ``datasets``, ``accuracy`` (validation, in per cent; empty when these
        very weights were not validated), ``cost_matrix`` and ``settings``;
        JSON-able, so that a checkpoint with it loads under
        ``weights_only=True``.
    """
    meta = checkpoint.get('meta', {})
    names = meta.get('dataset_meta') or {}
    train = (cfg.get('train_dataloader') or {}).get('dataset') or {}
    card = dict(
        method=meta.get(
            'method', 'Joint Transfer Learning Network, arXiv:1709.02995'),
        mmjtln_version=mmjtln.__version__,
        domain=domain,
        source_classes=domain_classes(names, 'source'),
        target_classes=domain_classes(names, 'target'),
        datasets={key: train.get(key) for key in ('source', 'target')},
        epoch=meta.get('epoch'),
        accuracy=_accuracy(cfg, checkpoint),
        cost_matrix=_cost_matrix(cfg, checkpoint, path),
        settings={key: cfg.model[key] for key in _OPTIONS if key in cfg.model})
    return json.loads(json.dumps(card, default=str))


def _accuracy(cfg: Config, checkpoint: dict) -> dict[str, float]:
    """Return the validation accuracies of these weights.

    MMEngine saves an epoch's checkpoint before it validates it; the numbers in
    it are then those of an earlier epoch, and are left out.
    """
    scalars = checkpoint.get('message_hub', {}).get('log_scalars', {})
    epoch = checkpoint.get('meta', {}).get('epoch')
    interval = cfg.get('train_cfg', {}).get('val_interval', 1)
    found = {}
    for key, history in scalars.items():
        values = history.data[0]
        if (key.startswith('val/') and 'accuracy' in key
                and epoch == interval * len(values)):
            found[key.removeprefix('val/')] = float(values[-1])
    return found


def _cost_matrix(cfg: Config, checkpoint: dict, path: Path) -> dict | None:
    """Say how the cost matrix was made."""
    matrix = checkpoint.get('state_dict', checkpoint).get('ot_loss.cost')
    if matrix is None or matrix.isnan().any():
        return None
    file = Path(path).parent / 'cost_matrix.npz'
    if file.is_file():
        cost = CostMatrix.load(file)
        if torch.equal(torch.as_tensor(cost.matrix, dtype=matrix.dtype),
                       matrix.cpu()):
            return dict(method=cost.method, settings=cost.settings,
                        source_hash=cost.source_hash)
    for hook in cfg.get('custom_hooks') or ():
        if 'CostMatrixHook' in str(hook['type']):
            cost = dict(hook['cost'])
            return dict(method=cost.pop('type'), settings=cost)
    return dict(method='set by hand', settings={})
