#!/usr/bin/env bash
# Measure on a machine with GPUs, in one go, all that needs one:
#   bash tools/benchmarks/gpu.sh [OUTPUT]
# Prints Markdown tables and keeps them in OUTPUT (gpu.md). Without a GPU the
# same runs on the CPU, which takes long; SMALL=1 makes it a mere trial.
set -euo pipefail
cd "$(dirname "$0")/../.."
OUTPUT=${1:-gpu.md}
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}"
# For the same bits each time, as cuBLAS has it.
export CUBLAS_WORKSPACE_CONFIG=:4096:8

STEPS=(--batch-size 64 --repeats 30)
# Seconds for the repeats of one solver.
OT=(--budget 3)
KILLS=5
if [ -n "${SMALL:-}" ]; then
    STEPS=(--models AlexNet --batch-size 4 --pixels 64 --repeats 2)
    OT=(--sizes 4x6x5 --repeats 2 --budget 2)
    KILLS=1
fi
GPUS=$(python -c 'import torch; print(torch.cuda.device_count())')
DEVICE=$([ "$GPUS" -gt 0 ] && echo cuda || echo cpu)

{
    echo "# $GPUS GPUs: $(python -c 'import torch
print(torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
      "torch", torch.__version__)')"
    printf '\n## A step beside a stock step, and the share of the OT term\n\n'
    python tools/benchmarks/train_step.py --device "$DEVICE" "${STEPS[@]}"
    printf '\n## The same in mixed precision\n\n'
    python tools/benchmarks/train_step.py --device "$DEVICE" "${STEPS[@]}" --amp
    printf '\n## The OT loss beside other solvers\n\n'
    python tools/benchmarks/ot_loss.py --device "$DEVICE" "${OT[@]}"
    printf '\n## Killed and resumed: bits that differ\n\n'
    python tools/long_checks/kill_and_resume.py --kills "$KILLS" \
        --variants 'by epoch' 'by iteration'
} | tee "$OUTPUT"
