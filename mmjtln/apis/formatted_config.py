"""A config whose text is formatted once for all checkpoints of a run."""
from mmengine.config import Config


class FormattedConfig(Config):
    """A config that remembers its text.

    MMEngine writes the config's text into each checkpoint and formats it
    anew, which takes as long as some hundred steps of a small network. The
    text is that of :class:`~mmengine.config.Config`; it is formatted again
    when anything in the config has changed.
    """

    @property
    def pretty_text(self) -> str:
        """str: The config as Python code."""
        content = repr(self._cfg_dict)
        remembered = self.__dict__.get('_remembered')
        if remembered is None or remembered[0] != content:
            remembered = content, super().pretty_text
            # Config's own __setattr__ would make it a key of the config.
            self.__dict__['_remembered'] = remembered
        return remembered[1]

    @classmethod
    def of(cls, cfg: Config) -> 'FormattedConfig':
        """Return one of the same content and origin; nothing is copied."""
        formatted = cls.__new__(cls)
        formatted.__dict__.update(cfg.__dict__)
        return formatted
