"""FormattedConfig: the host's text, formatted once."""
import copy
import pickle

from mmengine.config import Config

from mmjtln.apis.train import FormattedConfig


def test_the_text_is_the_hosts_also_after_a_change():
    cfg = Config.fromfile('configs/jtln_alexnet.py')
    formatted = FormattedConfig.of(cfg)
    assert formatted.pretty_text == cfg.pretty_text
    assert formatted.pretty_text is formatted.pretty_text
    assert formatted.filename == cfg.filename
    for change in (
            lambda c: c.merge_from_dict({'train_cfg.max_epochs': 3}),
            lambda c: c.custom_hooks.append(dict(type='EMAHook')),
            lambda c: c.__setattr__('work_dir', 'here'),
            lambda c: c.model.backbone.pop('type')):
        change(formatted)
        assert formatted.pretty_text == Config.pretty_text.fget(formatted)
    assert '_remembered' not in formatted


def test_copies_have_a_text_of_their_own():
    formatted = FormattedConfig(dict(a=1))
    assert formatted.pretty_text == 'a = 1\n'
    for twin in (copy.deepcopy(formatted), copy.copy(formatted),
                 pickle.loads(pickle.dumps(formatted))):
        twin.a = 2
        assert twin.pretty_text == 'a = 2\n'
    assert formatted.pretty_text == 'a = 1\n'


NAMES = ['{{ fileBasename }}', '{{$HOME:x}}', '{{_base_.a}}', '{{{{', '=1+1',
         'a\rb', 'a\\nb', "it's", '%s ${HOME}', 'a\tb', '\u2028', '"']


def test_names_are_read_as_they_were_written(tmp_path):
    """Also those that MMEngine would fill in."""
    cfg = FormattedConfig(dict(class_names=NAMES))
    cfg.dump(tmp_path / 'a.py')
    assert Config.fromfile(tmp_path / 'a.py').class_names == NAMES
