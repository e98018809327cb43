"""Linear classifiers on few features: their starts and how they are fitted."""
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import product

import numpy as np
import torch
from scipy.special import softmax

from mmjtln.costs.controls import derangement
from mmjtln.errors import require
from mmjtln.heads import fit_linear, plan_weights, transported
from mmjtln.heads.linear_fit import cl2n, cl2n_start, cross_entropy
from mmjtln.models import OTLoss

#: Where a classifier begins, with the options that each reads: at zero; at
#: the source head, transported by the costs given, by the same with the
#: target classes exchanged, or by random costs; at what the source head says
#: of the few pictures themselves.
STARTS = {
    'zero': set(),
    'text': {'reg', 'relax'},
    'shuffled': {'reg', 'relax'},
    'random': {'reg', 'relax'},
    'own': set()}
#: Classifiers, likewise.
CLASSIFIERS = {
    'linear': {'penalty', 'lambda_ot', 'ot_relax'},
    'cl2n': {'penalty'},
    'imprinting': {'share'}}


@dataclass(frozen=True)
class FrozenMethod:
    """A classifier, where it begins, and the options to choose from.

    Args:
        name (str): Its name in tables.
        classifier (str): ``'linear'``: logistic regression pulled to its
            start; ``'cl2n'``: the same on features that are centred and of
            one length; ``'imprinting'``: class means of features of one
            length (H. Qi, M. Brown and D. Lowe, "Low-Shot Learning with
            Imprinted Weights", CVPR 2018), plus ``share`` times the start's
            directions.
        start (str): One of :data:`STARTS`. Defaults to ``'zero'``.
        grid (dict): Options and their values: ``penalty`` of the fit,
            ``reg`` and ``relax`` of the plan, ``share`` of the start,
            ``lambda_ot`` of an OT term, for ``'linear'``: between what the
            source head says of a picture and what the classifier does, with
            the gradient to the classifier; ``ot_relax`` is its ``relax``.
    """

    name: str
    classifier: str
    start: str = 'zero'
    grid: dict = field(default_factory=dict)

    def __post_init__(self) -> None:
        place = f'`comparison.methods.{self.name}'
        require(self.classifier in CLASSIFIERS and self.start in STARTS,
                f'A classifier is one of {tuple(CLASSIFIERS)} and begins at '
                f'one of {tuple(STARTS)}',
                f'got {self.classifier!r} and {self.start!r}', f'Fix {place}`')
        takes = CLASSIFIERS[self.classifier] | STARTS[self.start]
        # Of no effect without what they act on.
        if 'lambda_ot' not in self.grid:
            takes -= {'ot_relax'}
        if self.start == 'zero':
            takes -= {'share'}
        needs = takes & {'penalty', 'share'}
        require(needs <= self.grid.keys() <= takes,
                f'The grid of a {self.classifier!r} classifier that begins at '
                f'{self.start!r} needs {sorted(needs)} and takes '
                f'{sorted(takes)} (`ot_relax` beside `lambda_ot`)',
                f'got {sorted(self.grid)}', f'Fix {place}.grid`')

    def variants(self) -> list[dict]:
        """Return the options of each point of the grid."""
        return [dict(zip(self.grid, values, strict=True))
                for values in product(*self.grid.values())]


@dataclass(frozen=True)
class Knowledge:
    """The source head, (L_s, D), (L_s, ), and the class names' cost."""

    weight: np.ndarray
    bias: np.ndarray
    cost: np.ndarray

    def start(self, kind: str, seed: int, features: np.ndarray,
              labels: np.ndarray, reg: float = 0.05,
              relax: float | None = 0.05) -> tuple[np.ndarray, np.ndarray]:
        """Return weights (L_t, D) and biases (L_t, ) of a kind of start."""
        count = self.cost.shape[1]
        rng = np.random.default_rng([seed, 1])
        if kind == 'zero':
            return np.zeros((count, self.weight.shape[1])), np.zeros(count)
        if kind == 'own':
            scores = softmax(features @ self.weight.T + self.bias, axis=1)
            shares = np.array([scores[labels == label].mean(0)
                               for label in range(count)]).T
        else:
            cost = self.cost
            if kind == 'shuffled':
                cost = cost[:, derangement(count, rng)]
            elif kind == 'random':
                cost = rng.random(cost.shape)
            shares = plan_weights(torch.as_tensor(cost), reg, relax)
        return tuple(part.numpy() for part in transported(
            torch.as_tensor(self.weight), torch.as_tensor(self.bias),
            torch.as_tensor(shares)))

    def ot_loss(self, features: np.ndarray, weight: float,
                relax: float | dict | None = None) -> Callable:
        """Return cross entropy plus ``weight`` times the OT term."""
        ot_loss = OTLoss(cost=self.cost, grad_to='target', relax=relax)
        source = torch.as_tensor(features @ self.weight.T + self.bias).float()

        def loss(scores: np.ndarray,
                 labels: np.ndarray) -> tuple[float, np.ndarray]:
            value, slope = cross_entropy(scores, labels)
            logits = torch.tensor(scores, dtype=torch.float32,
                                  requires_grad=True)
            term = ot_loss(source, logits)
            term.backward()
            return (value + weight * term.item(),
                    slope + weight * logits.grad.double().numpy())

        return loss


def classifier(method: FrozenMethod, options: dict, features: np.ndarray,
               labels: np.ndarray, knowledge: Knowledge, seed: int
               ) -> Callable[[np.ndarray], np.ndarray]:
    """Fit a method, at a point of its grid, to pictures (N, D), (N, ).

    Returned is what maps features (M, D) to scores (M, L_t). Without a picture
    it is the start. ``seed`` is for controls that are drawn.
    """
    plan = {key: options[key] for key in STARTS[method.start] & options.keys()}
    start = weight, bias = knowledge.start(
        method.start, seed, features, labels, **plan)
    if not len(labels):
        return lambda inputs: inputs @ weight.T + bias
    if method.classifier == 'imprinting':
        means = np.array([_unit(features)[labels == label].mean(0)
                          for label in range(len(bias))])
        directions = _unit(means) + options.get('share', 0) * _unit(weight)
        return lambda inputs: inputs @ _unit(directions).T
    if method.classifier == 'linear':
        loss = cross_entropy
        if options.get('lambda_ot'):
            loss = knowledge.ot_loss(features, options['lambda_ot'],
                                     options.get('ot_relax'))
        fitted = fit_linear(features, labels, start, options['penalty'], loss)
        return lambda inputs: inputs @ fitted[0].T + fitted[1]
    centre = features.mean(0)
    fitted = fit_linear(
        cl2n(features, centre), labels,
        cl2n_start(weight, bias, features, centre), options['penalty'])
    return lambda inputs: (cl2n(inputs, centre) @ fitted[0].T
                           + fitted[1])


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True).clip(1e-12)
