@echo off
rem Starts a secondary of the replicated log: create_log_secondary.bat <port> <master url> [flags]
node --no-parallel-scavenge --no-memory-reducer --min-semi-space-size=8 --max-semi-space-size=8 --heap-growing-percent=200 "%~dp0create_log_secondary.js" %*
