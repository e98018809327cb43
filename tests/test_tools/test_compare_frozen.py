"""Comparing classifiers on frozen features: splits, starts, what is tuned."""
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmpretrain.registry import MODELS
from PIL import Image
from scipy.special import softmax

from mmjtln.comparison import report, summarise
from mmjtln.heads import fit_linear, weigh_start
from mmjtln.heads.linear_fit import weighed
from mmjtln.heads.selection import fit_selected
from mmjtln.models import OTLoss
from tests.load_tool import load_tool

frozen, fitting = load_tool('compare_frozen'), load_tool('frozen_classifiers')
FrozenData, FrozenStudy, split = (
    frozen.FrozenData, frozen.FrozenStudy, frozen.split)
FrozenMethod, Knowledge, classifier = (
    fitting.FrozenMethod, fitting.Knowledge, fitting.classifier)
cl2n = fitting.cl2n


@pytest.fixture
def data() -> FrozenData:
    """Return two classes of ten things, two pictures of each."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 20)
    return FrozenData(
        rng.normal(size=(40, 6)) + labels[:, None], labels,
        np.array([f'{i // 2}' for i in range(40)]), ('a', 'b'))


@pytest.fixture
def knowledge() -> Knowledge:
    rng = np.random.default_rng(1)
    head = rng.normal(size=(5, 6)), rng.normal(size=5)
    vectors = [rows / np.linalg.norm(rows, axis=1, keepdims=True)
               for rows in (rng.normal(size=(5, 3)), rng.normal(size=(2, 3)))]
    cost = rng.random((5, 2))
    small = Knowledge(rng.normal(size=(3, 6)), rng.normal(size=3), cost[:3])
    return Knowledge(*head, cost, tuple(vectors), small)


def test_things_never_part_and_validation_is_never_tested(data):
    """Ten things a class: two validate, of eight five are drawn from."""
    validated = split(data, 0, 1, True)[1]
    assert len(validated) == 8
    for seed in range(5):
        train, test = split(data, seed, 6, False)
        assert np.array_equal(split(data, seed, 6, True)[1], validated)
        assert np.bincount(data.labels[train]).tolist() == [6, 6]
        parts = [set(data.items[part]) for part in (train, test, validated)]
        assert not (parts[0] & parts[1] or parts[1] & parts[2]
                    or parts[0] & parts[2])
        # All five things are shown before one is shown twice.
        assert len(parts[0]) == 10
    assert not np.array_equal(*(split(data, seed, 6, False)[0]
                                for seed in (0, 1)))
    with pytest.raises(ValueError, match="'a' has 10"):
        split(data, 0, 11, False)


def test_own_start_is_the_mean_source_prediction(data, knowledge):
    found, _ = knowledge.start('own', 'true', 0, data.features, data.labels)
    scores = softmax(data.features @ knowledge.weight.T + knowledge.bias,
                     axis=1)
    means = np.array([scores[data.labels == label].mean(0) @ knowledge.weight
                      for label in (0, 1)])
    np.testing.assert_allclose(found, means - means.mean(0), atol=1e-9)


def test_shuffled_start_is_that_of_the_other_class(data, knowledge):
    """Of two classes, exchanged is the only way."""
    true, shuffled = (knowledge.start(
        'regression', names, 3, data.features, data.labels)[0]
        for names in ('true', 'shuffled'))
    np.testing.assert_allclose(true, shuffled[::-1], atol=1e-6)


def test_unrelated_start_is_that_of_the_small_source(data, knowledge):
    found, expected = (
        known.start('plan', names, 0, data.features, data.labels)
        for known, names in ((knowledge, 'unrelated'),
                             (knowledge.unrelated, 'true')))
    np.testing.assert_array_equal(found[0], expected[0])


def test_weighed_start_is_scaled_before_the_fit(data, knowledge):
    train = np.arange(0, 40, 5)
    features, labels = data.features[train], data.labels[train]
    weight, bias = knowledge.start('plan', 'true', 0, features, labels)
    t = weigh_start(features @ weight.T + bias, labels)
    expected = fit_linear(features, labels, (t * weight, t * bias), 0.1)
    found = classifier(
        FrozenMethod('it', 'linear', 'plan', weigh=True,
                     grid=dict(penalty=[0.1])),
        dict(penalty=0.1), features, labels, knowledge, 0)(data.features)
    np.testing.assert_allclose(
        found, data.features @ expected[0].T + expected[1])


def test_cache_conse_and_mapping_by_hand(data, knowledge):
    """One picture at a time, by the formulas of their papers."""
    train = np.arange(0, 40, 5)
    features, labels = data.features[train], data.labels[train]
    one = data.features[:1]
    said = softmax(one @ knowledge.weight.T + knowledge.bias, axis=1)[0]
    weight, bias = knowledge.start('plan', 'true', 0, features, labels)

    def scores(name, start='zero', **options):
        grid = {key: [value] for key, value in options.items()}
        return classifier(FrozenMethod('it', name, start, grid=grid), options,
                          features, labels, knowledge, 0)(one)[0]

    near = [np.exp(-2. * (1 - f @ one[0] / np.linalg.norm(f) / np.linalg.norm(
        one))) for f in features]
    np.testing.assert_allclose(
        scores('cache', 'plan', alpha=3., beta=2.), one[0] @ weight.T + bias
        + [3 * sum(n for n, y in zip(near, labels, strict=True) if y == k)
           for k in (0, 1)])
    mean = said @ knowledge.vectors[0]
    np.testing.assert_allclose(
        scores('conse'),
        knowledge.vectors[1] @ mean / np.linalg.norm(mean))
    shares = softmax(features @ knowledge.weight.T + knowledge.bias, axis=1)
    means = [shares[labels == k].mean(0) for k in (0, 1)]
    np.testing.assert_allclose(scores('mapping'), [
        (said * mean / (sum(means) + 1 / 8)).sum() for mean in means])


def test_classifiers_are_what_their_names_say(data, knowledge):
    train = np.arange(0, 40, 5)
    features, labels = data.features[train], data.labels[train]
    start = knowledge.start('plan', 'true', 0, features, labels)
    options, grid = dict(penalty=0.1), dict(penalty=[0.1])

    method = FrozenMethod('it', 'linear', 'plan', grid=grid)
    linear = classifier(method, options,
                        features, labels, knowledge, 0)(data.features)
    weight, bias = fit_linear(features, labels, start, 0.1)
    np.testing.assert_allclose(linear, data.features @ weight.T + bias)

    found = classifier(FrozenMethod('it', 'cl2n', 'plan', grid=grid), options,
                       features, labels, knowledge, 0)(data.features)
    centre = features.mean(0)
    scaled, length = cl2n(features, centre)
    weight, bias = fit_linear(scaled, labels, (
        start[0] * length.mean(), start[1] + start[0] @ centre), 0.1)
    np.testing.assert_allclose(
        found, cl2n(data.features, centre)[0] @ weight.T + bias)

    def length_one(rows):
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    found = classifier(
        FrozenMethod('it', 'imprinting', 'plan',
                     grid=dict(share=[0.5])),
        dict(share=0.5), features, labels, knowledge, 0)
    means = np.array([length_one(features)[labels == label].mean(0)
                      for label in (0, 1)])
    sums = length_one(means) + 0.5 * length_one(start[0])
    np.testing.assert_allclose(found(data.features),
                               data.features @ length_one(sums).T)

    found = classifier(FrozenMethod('it', 'adapt', 'plan'), {},
                       features, labels, knowledge, 0)
    (weight, bias), *_ = fit_selected(features, labels, dict(
        names=lambda rows, known: weighed(rows, known, start)[1],
        zero=lambda rows, known: (0 * start[0], 0 * start[1])))
    np.testing.assert_allclose(found(data.features),
                               data.features @ weight.T + bias)


def test_ot_term_is_that_of_the_loss(data, knowledge):
    """Value, and gradient by central differences."""
    rng = np.random.default_rng(2)
    scores, labels = rng.normal(size=(4, 2)), np.array([0, 1, 1, 0])
    loss = knowledge.ot_loss(data.features[:4], 0.7)
    value, slope = loss(scores, labels)
    source = torch.as_tensor(
        data.features[:4] @ knowledge.weight.T + knowledge.bias)
    logits = torch.as_tensor(scores)
    expected = torch.nn.functional.cross_entropy(
        logits, torch.as_tensor(labels)) + 0.7 * OTLoss(
            cost=knowledge.cost)(source, logits)
    assert value == pytest.approx(expected.item(), abs=1e-4)
    for place in np.ndindex(scores.shape):
        step = np.zeros_like(scores)
        step[place] = 0.05
        around = (loss(scores + step, labels)[0]
                  - loss(scores - step, labels)[0]) / 0.1
        assert slope[place] == pytest.approx(around, abs=2e-3)


def test_cl2n_features_are_a_layer_norm(data):
    centre = data.features.mean(0)
    expected = torch.nn.functional.layer_norm(
        torch.as_tensor(data.features - centre), (6, ))
    np.testing.assert_allclose(cl2n(data.features, centre)[0], expected)


@pytest.mark.parametrize('options', [
    dict(classifier='svm'),
    dict(classifier='cl2n', start='hand'),
    dict(classifier='linear', start='plan', names='none'),
    dict(classifier='linear', weigh=True),
    dict(classifier='linear', start='own', names='shuffled'),
])
def test_unknown_choices_are_refused(options):
    with pytest.raises(ValueError, match='comparison.methods.it'):
        FrozenMethod('it', **options)


@pytest.mark.parametrize('classifier, start, grid', [
    ('linear', 'zero', dict(penality=[1.])),
    ('linear', 'zero', dict()),
    ('cl2n', 'zero', dict(penalty=[1.], lambda_ot=[1.])),
    ('linear', 'zero', dict(penalty=[1.], relax=[0.1])),
    ('imprinting', 'plan', dict(penalty=[0.1])),
    ('cache', 'plan', dict(alpha=[1.])),
    ('imprinting', 'zero', dict(share=[1.])),
])
def test_options_that_are_missing_or_not_read_are_refused(
        classifier, start, grid):
    with pytest.raises(ValueError, match='comparison.methods.it.grid'):
        FrozenMethod('it', classifier, start, grid=grid)


def test_study_runs_from_pictures_to_the_table(tmp_path):
    """Options by the tuning seeds; no run is lost; zero shots are tested."""
    rng = np.random.default_rng(0)
    for number, name in enumerate(['bird', 'fish']):
        (tmp_path / 'data' / name).mkdir(parents=True)
        for i in range(10):
            noise = rng.integers(0, 150, (32, 32, 3)) + 90 * number
            Image.fromarray(noise.astype('uint8')).save(
                tmp_path / 'data' / name / f'{i}_x.png')
    cfg = Config(dict(
        load_from=str(tmp_path / 'it.pth'),
        model=dict(
            type='ImageClassifier',
            backbone=dict(type='ResNet', depth=18, stem_channels=8,
                          base_channels=8),
            neck=dict(type='GlobalAveragePooling'),
            head=dict(type='LinearClsHead', num_classes=3, in_channels=64)),
        data_preprocessor=dict(mean=[127.] * 3, std=[60.] * 3),
        test_dataloader=dict(dataset=dict(type='CustomDataset', pipeline=[
            dict(type='LoadImageFromFile'), dict(type='PackInputs')])),
        comparison=dict(
            separator='_', source_classes=['x', 'y', 'z'],
            dataset=dict(type='CustomDataset',
                         data_root=str(tmp_path / 'data')),
            cost=dict(type='mmjtln.RandomCost'),
            methods=dict(
                plain=dict(classifier='linear', grid=dict(
                    penalty=[1e9, 0.001])),
                text=dict(classifier='linear', start='plan',
                          grid=dict(penalty=[0.01]))))))
    torch.manual_seed(0)
    torch.save(dict(state_dict=MODELS.build(
        cfg.model.to_dict()).state_dict()), cfg.load_from)
    with pytest.raises(ValueError, match='--tune'):
        FrozenStudy(cfg, [0, 1], [1], [1])
    with pytest.raises(ValueError, match="6 shots need .* 'bird' has 5"):
        FrozenStudy(cfg, [0, 1], [100], [0, 6])
    study = FrozenStudy(cfg, [0, 1], [100, 101], [0, 2])
    results = study.run()
    plain, text = (results.methods[name] for name in ('plain', 'text'))
    # A penalty that fits nothing is not chosen: the two are told apart.
    assert all(run.options['penalty'] == 0.001 for run in plain.runs.values())
    assert plain.about['tuning'][2][1]['validation'] == 100
    assert list(text.runs) == [(0, 0), (0, 1), (2, 0), (2, 1)]
    assert all(run.test == 100 for run in plain.runs.values())
    rows = summarise(results, ['plain'])
    assert [(row.shots, row.method) for row in rows] == [
        (0, 'text'), (2, 'plain'), (2, 'text')]
    table = report.write(results, ['plain'], tmp_path / 'out')
    assert '| 0 | text |' in table
    assert 'mean of the classes' in table
    # Both are right always, so no picture or seed tells them apart.
    lines = study.intervals(['plain']).splitlines()
    assert lines[-1] == '| 2 | text | +0.0 [0.0, 0.0] |'
    assert lines[2] == '| 0 | text |  |'
