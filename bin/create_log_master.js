#!/usr/bin/env node
// Starts the master of the replicated log on this machine; see create_log.js.
'use strict';
require('./create_log').runMaster(process.argv.slice(2));
