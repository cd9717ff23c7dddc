@echo off
rem Starts the master of the replicated log: create_log_master.bat [port] [--secondaries <url>,<url>...] [flags]
node --no-parallel-scavenge --max-semi-space-size=8 "%~dp0create_log_master.js" %*
