"""Linear classifiers on few features: their starts and how they are fitted."""
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import product

import numpy as np
import torch
from frozen_icis import icis
from scipy.special import softmax

from mmjtln.costs.controls import derangement
from mmjtln.errors import require
from mmjtln.heads import (
    CARRIERS,
    fit_linear,
    mixing_weights,
    transported,
    weigh_start,
)
from mmjtln.heads.linear_fit import cross_entropy, weighed
from mmjtln.heads.selection import fit_selected
from mmjtln.models import OTLoss

#: Starts that go by names: the source head, carried over; or two networks.
BY_NAMES = (*CARRIERS, 'icis')
#: Where a classifier begins: at zero; at names; or at what the source head
#: says of the few pictures themselves.
STARTS = ('zero', 'own', *BY_NAMES)
#: Whose names carry a head over: the classes' own; those with the target
#: classes exchanged, or with vectors drawn; or those of a small source of
#: other things.
NAMES = ('true', 'shuffled', 'random', 'unrelated')
#: Classifiers, and the options that each reads.
CLASSIFIERS = {
    'linear': {'penalty', 'lambda_ot'},
    'clap': {'penalty'},
    'cl2n': {'penalty'},
    'imprinting': {'share'},
    'cache': {'alpha', 'beta'},
    'conse': set(),
    'mapping': set(),
    'adapt': set()}


@dataclass(frozen=True)
class FrozenMethod:
    """A classifier, where it begins, and the options to choose from.

    Args:
        name (str): Its name in tables.
        classifier (str): ``'linear'``: logistic regression pulled to its
            start; ``'clap'``: the same with a pull for each class, by how
            well the start does on its pictures (J. Silva-Rodriguez et al., "A
            Closer Look at the Few-Shot Adaptation of Large Vision-Language
            Models", CVPR 2024); ``'cl2n'``: as ``'linear'`` on features that
            are centred and of one length; ``'imprinting'``: class means of
            features of one length (H. Qi, M. Brown and D. Lowe, "Low-Shot
            Learning with Imprinted Weights", CVPR 2018), plus ``share`` times
            the start's directions; ``'cache'``: the start's scores plus those
            of near pictures (R. Zhang et al., "Tip-Adapter", ECCV 2022),
            ``alpha`` and ``beta`` as there; ``'conse'``: the mean name of the
            ten likeliest source classes (M. Norouzi et al.,
            arXiv:1312.5650); ``'mapping'``: source classes that are said of
            a class's pictures stand for it (C. Chen et al., "Bayesian-guided
            Label Mapping for Visual Reprogramming", NeurIPS 2024);
            ``'adapt'``: what ``mmjtln.apis.adapt`` fits, the start weighed or
            zero by cross-validation.
        start (str): One of :data:`STARTS`. Defaults to ``'zero'``.
        names (str): One of :data:`NAMES`. Defaults to ``'true'``.
        weigh (bool): Weigh the start by the pictures first, see
            :func:`~mmjtln.heads.weigh_start`. Defaults to False.
        grid (dict): Options and their values: ``penalty`` of the fit,
            ``share`` of the start, ``alpha`` and ``beta`` of the cache, and
            ``lambda_ot`` of an OT term, for ``'linear'``: between what the
            source head says of a picture and what the classifier does, with
            the gradient to the classifier.
    """

    name: str
    classifier: str
    start: str = 'zero'
    names: str = 'true'
    weigh: bool = False
    grid: dict = field(default_factory=dict)

    def __post_init__(self) -> None:
        place = f'`comparison.methods.{self.name}'
        for value, known in ((self.classifier, CLASSIFIERS),
                             (self.start, STARTS), (self.names, NAMES)):
            require(value in known, f'A classifier is one of '
                    f'{tuple(CLASSIFIERS)}, begins at one of {STARTS} and '
                    f'reads names that are one of {NAMES}', f'got {value!r}',
                    f'Fix {place}`')
        by_names = self.start in BY_NAMES
        require(by_names or not self.weigh and self.names == 'true',
                'A start is weighed, or has names of a kind, if it goes by '
                f'names, {BY_NAMES}', f'got {self.start!r}', f'Fix {place}`')
        takes = set(CLASSIFIERS[self.classifier])
        # Of no effect without what it acts on.
        if self.start == 'zero':
            takes -= {'share'}
        needs = takes - {'lambda_ot'}
        require(needs <= self.grid.keys() <= takes,
                f'The grid of a {self.classifier!r} classifier that begins at '
                f'{self.start!r} needs {sorted(needs)} and takes '
                f'{sorted(takes)}', f'got {sorted(self.grid)}',
                f'Fix {place}.grid`')

    @property
    def without_pictures(self) -> bool:
        """Whether it classifies before any picture is seen."""
        return self.classifier == 'conse' or (
            self.classifier == 'linear' and self.start in BY_NAMES
            and not self.weigh and 'lambda_ot' not in self.grid)

    def variants(self) -> list[dict]:
        """Return the options of each point of the grid."""
        return [dict(zip(self.grid, values, strict=True))
                for values in product(*self.grid.values())]


@dataclass(frozen=True, eq=False)
class Knowledge:
    """What is known before the first picture.

    A source head, ``weight`` (L_s, D) and ``bias`` (L_s, ), the ``cost`` of
    the class names (L_s, L_t), and their ``vectors`` (L_s, E), (L_t, E) or
    None. ``unrelated`` is the same of a small source of other things.
    """

    weight: np.ndarray
    bias: np.ndarray
    cost: np.ndarray
    vectors: tuple[np.ndarray, np.ndarray] | None = None
    unrelated: 'Knowledge | None' = None
    _carried: dict = field(default_factory=dict)

    def start(self, kind: str, names: str, seed: int, features: np.ndarray,
              labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return weights (L_t, D) and biases (L_t, ) of a kind of start."""
        count = self.cost.shape[1]
        rng = np.random.default_rng([seed, 1])
        if kind == 'zero':
            return np.zeros((count, self.weight.shape[1])), np.zeros(count)
        if kind == 'own':
            return self._mixed(self.shares(features, labels))
        if names == 'unrelated':
            return self.unrelated.start(kind, 'true', seed, features, labels)
        if names == 'random':
            cost = torch.as_tensor(rng.random(self.cost.shape))
            return self._mixed(mixing_weights('plan', cost, cost))
        if kind not in self._carried:
            self._carried[kind] = (
                self._by_networks() if kind == 'icis'
                else self._mixed(mixing_weights(
                    kind, torch.as_tensor(self.cost), torch.as_tensor(
                        np.c_[self.weight, self.bias]), self.vectors)))
        weight, bias = self._carried[kind]
        order = (derangement(count, rng) if names == 'shuffled'
                 else np.arange(count))
        return weight[order], bias[order]

    def _by_networks(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the weights of ICIS less their mean, as large as the plan's.

        Carriers by vectors are as large, too.
        """
        nothing = np.zeros((0, self.weight.shape[1])), np.zeros(0, dtype=int)
        plan = np.c_[self.start('plan', 'true', 0, *nothing)]
        found = icis(*self.vectors, np.c_[self.weight, self.bias])
        found -= found.mean(0)
        found *= np.linalg.norm(plan) / np.linalg.norm(found)
        return found[:, :-1], found[:, -1]

    def _mixed(self, mixing: np.ndarray | torch.Tensor
               ) -> tuple[np.ndarray, np.ndarray]:
        weight, bias = transported(
            torch.as_tensor(self.weight), torch.as_tensor(self.bias),
            torch.as_tensor(mixing))
        return weight.numpy(), bias.numpy()

    def predictions(self, features: np.ndarray) -> np.ndarray:
        """Return what the source head says of pictures, (N, L_s)."""
        return softmax(features @ self.weight.T + self.bias, axis=1)

    def shares(self, features: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Return the mean prediction for each class's pictures, (L_s, L_t)."""
        said = self.predictions(features)
        return np.array([said[labels == label].mean(0)
                         for label in range(self.cost.shape[1])]).T

    def ot_loss(self, features: np.ndarray, weight: float) -> Callable:
        """Return cross entropy plus ``weight`` times the OT term."""
        ot_loss = OTLoss(cost=self.cost, grad_to='target')
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
    if method.classifier == 'conse':
        return lambda inputs: _conse(inputs, knowledge)
    weight, bias = knowledge.start(
        method.start, method.names, seed, features, labels)
    if not len(labels):
        return lambda inputs: inputs @ weight.T + bias
    if method.classifier == 'adapt':
        start, zero = (weight, bias), (0 * weight, 0 * bias)
        (weight, bias), *_ = fit_selected(features, labels, dict(
            names=lambda rows, found: weighed(rows, found, start)[1],
            zero=lambda rows, found: zero))
        return lambda inputs: inputs @ weight.T + bias
    if method.classifier == 'mapping':
        shares = knowledge.shares(features, labels)
        # One picture of each source class is taken as seen, as there.
        mapping = shares / (shares.sum(1, keepdims=True) + 1 / len(labels))
        return lambda inputs: knowledge.predictions(inputs) @ mapping
    scores = features @ weight.T + bias
    if method.weigh:
        found = weigh_start(scores, labels)
        weight, bias, scores = found * weight, found * bias, found * scores
    if method.classifier == 'imprinting':
        means = np.array([_unit(features)[labels == label].mean(0)
                          for label in range(len(bias))])
        directions = _unit(means) + options.get('share', 0) * _unit(weight)
        return lambda inputs: inputs @ _unit(directions).T
    if method.classifier == 'cache':
        keys, values = _unit(features), np.eye(len(bias))[labels]

        def cached(inputs: np.ndarray) -> np.ndarray:
            near = np.exp(options['beta'] * (_unit(inputs) @ keys.T - 1))
            return (inputs @ weight.T + bias
                    + options['alpha'] * near @ values)

        return cached
    penalty, loss, centre = options['penalty'], cross_entropy, None
    if method.classifier == 'clap':
        sure = softmax(scores, axis=1)[np.arange(len(labels)), labels]
        penalty = penalty * np.array([
            sure[labels == label].mean() for label in range(len(bias))])
    elif options.get('lambda_ot'):
        loss = knowledge.ot_loss(features, options['lambda_ot'])
    if method.classifier == 'cl2n':
        centre = features.mean(0)
        features, length = cl2n(features, centre)
        # The start, exact for features as long as those are in the mean but
        # for the part along the vector of ones, which is taken out.
        weight, bias = weight * length.mean(), bias + weight @ centre
    fitted = fit_linear(features, labels, (weight, bias), penalty, loss)
    return lambda inputs: (inputs if centre is None else cl2n(
        inputs, centre)[0]) @ fitted[0].T + fitted[1]


def _conse(features: np.ndarray, knowledge: Knowledge,
           most: int = 10) -> np.ndarray:
    source, target = knowledge.vectors
    said = knowledge.predictions(features)
    least = np.sort(said, axis=1)[:, -most:][:, :1]
    said[said < least] = 0
    return _unit(said @ source) @ target.T


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True).clip(1e-12)


def cl2n(features: np.ndarray, centre: np.ndarray
         ) -> tuple[np.ndarray, np.ndarray]:
    """Centre features (N, D) by ``centre`` (D, ) and give them length sqrt(D).

    A LayerNorm of what is left of the centre, so that a stock head with one
    hidden layer can do it. Returned is also what each was divided by, (N, 1).
    """
    rest = features - centre
    rest = rest - rest.mean(1, keepdims=True)
    length = np.sqrt((rest**2).mean(1, keepdims=True) + 1e-5)
    return rest / length, length
