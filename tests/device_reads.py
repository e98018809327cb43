"""Count where a program waits for its device, without having one."""
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

#: Operators whose result, a number or a shape, the processor needs.
READS = {torch.ops.aten._local_scalar_dense.default,
         torch.ops.aten.nonzero.default,
         torch.ops.aten.masked_select.default}
#: Operators that compute nothing, besides views.
NO_KERNEL = ('empty', 'new_empty', 'promote_types', '_local_scalar_dense')
#: Methods that go past the dispatcher where the device is the processor.
METHODS = {torch.Tensor.tolist, torch.Tensor.numpy, torch.Tensor.cpu}


class _Methods(TorchFunctionMode):

    def __init__(self, counted: list) -> None:
        super().__init__()
        self.counted = counted

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function in METHODS:
            self.counted.append(function.__name__)
        return function(*args, **(kwargs or {}))


class DeviceReads(TorchDispatchMode):
    """Within the block, list each read of the device by its name.

    Attributes:
        counted (list[str]): Names of operators and methods, in order.
        launched (list[str]): Names of the operators that compute: each is a
            kernel that a device would be given, or several.
    """

    def __init__(self) -> None:
        super().__init__()
        self.counted, self.launched = [], []
        self.methods = _Methods(self.counted)

    def __enter__(self):
        self.methods.__enter__()
        return super().__enter__()

    def __exit__(self, *args):
        super().__exit__(*args)
        return self.methods.__exit__(*args)

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        masks = args[1] if function is torch.ops.aten.index.Tensor else ()
        if function in READS or any(
                mask is not None and mask.dtype == torch.bool
                for mask in masks):
            self.counted.append(str(function))
        name = function.overloadpacket.__name__
        views = any(value.alias_info and not value.alias_info.is_write
                    for value in function._schema.returns)
        if not views and not name.startswith(NO_KERNEL):
            self.launched.append(name)
        return function(*args, **(kwargs or {}))
