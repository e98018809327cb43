#!/usr/bin/env bash
# Train under Slurm, one task a GPU:
#   [GPUS=16 GPUS_PER_NODE=8] tools/dist/slurm_train.sh PARTITION JOB_NAME \
#       CONFIG WORK_DIR [flags of tools/train.py]
# CPUS_PER_TASK and SRUN_ARGS go to srun. A task that fails ends them all.
set -euo pipefail

PARTITION=$1
JOB_NAME=$2
CONFIG=$3
WORK_DIR=$4
GPUS=${GPUS:-8}
GPUS_PER_NODE=${GPUS_PER_NODE:-$((GPUS < 8 ? GPUS : 8))}

# SRUN_ARGS may hold several arguments, so it is not quoted.
# shellcheck disable=SC2086
exec srun --partition="$PARTITION" --job-name="$JOB_NAME" \
    --ntasks="$GPUS" --ntasks-per-node="$GPUS_PER_NODE" \
    --gres="gpu:$GPUS_PER_NODE" --cpus-per-task="${CPUS_PER_TASK:-5}" \
    --kill-on-bad-exit=1 ${SRUN_ARGS:-} \
    python -u "$(dirname "$0")/../train.py" "$CONFIG" --work-dir "$WORK_DIR" \
    --launcher slurm "${@:5}"
