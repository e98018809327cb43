"""Draw a t-SNE of the test images, with MMPretrain's flags.

    python tools/visualization/vis_tsne.py CONFIG --checkpoint CHECKPOINT

The flags and the work are those of MMPretrain's own script, which calls
scikit-learn by a name that it has dropped since, and needs class counts in the
config.
"""
import inspect
from typing import Any

from mmengine.config import Config

from mmjtln.hosts import load_host_tool
from mmjtln.run_config import fill_class_counts


def main() -> None:
    """Run MMPretrain's script on the installed scikit-learn."""
    host = load_host_tool('visualization/vis_tsne')
    sklearns, from_file = host.TSNE, Config.fromfile

    def tsne(n_iter: int, **options: Any) -> Any:
        name = ('max_iter' if 'max_iter' in inspect.signature(
            sklearns).parameters else 'n_iter')
        return sklearns(**options, **{name: n_iter})

    class FilledConfig(Config):
        """Configs whose class counts are numbers."""

        @staticmethod
        def fromfile(filename: Any, *args: Any, **kwargs: Any) -> Config:
            return fill_class_counts(from_file(filename, *args, **kwargs))

    host.TSNE, host.Config = tsne, FilledConfig
    host.main()


if __name__ == '__main__':
    main()
