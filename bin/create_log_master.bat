@echo off
rem Starts the master of the replicated log: create_log_master.bat [port] [--secondaries <url>,<url>...] [flags]
node --no-parallel-scavenge --no-memory-reducer --min-semi-space-size=8 --max-semi-space-size=8 --heap-growing-percent=200 "%~dp0create_log_master.js" %*
