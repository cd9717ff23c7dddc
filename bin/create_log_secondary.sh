#!/bin/sh
# Starts a secondary of the replicated log: create_log_secondary.sh <port> <master url> [flags]
exec node --no-parallel-scavenge --no-memory-reducer --min-semi-space-size=8 --max-semi-space-size=8 --heap-growing-percent=200 "$(dirname "$0")/create_log_secondary.js" "$@"
