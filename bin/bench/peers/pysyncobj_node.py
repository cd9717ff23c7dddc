"""One node of PySyncObj for `npm run bench`: puts into the node's own process, as many under way as
there are clients.

Questions come on standard input and answers go to standard output, one line of JSON each; see
load/questions.ts. The program ends with its input.

What is set, and why: the journal is on, as a durable service would have it, though PySyncObj never
flushes it (it is a mapped file, so a power cut may lose what was acknowledged). Entries are sent in
batches every half millisecond while there is load; by default it would be every 100 ms, which makes
10 puts a second for one client. Followers wait for seconds before they elect another leader, because
PySyncObj forgets what is under way when the leader changes. The node is ticked by hand, so that no
second thread takes turns with this one.
"""

import json
import queue
import random
import string
import sys
import threading
import time

from pysyncobj import SyncObj, SyncObjConf, replicated

IDLE_PERIOD = 0.1
BUSY_PERIOD = 0.0005
ELECTION_TIMEOUT = (2.0, 4.0)
CONNECTION_TIMEOUT = 5.0
# A put whose leader was deposed may never be answered; the load is given up then, as load/run.ts does.
STUCK_SECONDS = 30
STRIDE = 7919
FILL_CLIENTS = 64
VALUES_BYTES = 2**20


class Store(SyncObj):
    def __init__(self, me, partners, conf):
        self.values = {}
        super().__init__(me, partners, conf)

    @replicated
    def put(self, key, value):
        self.values[key] = value


def values_of(size):
    """Different values, as real ones are: PySyncObj compresses what it sends, and would make next to
    nothing of one value sent over and over. There are more of them than its window is long."""
    size = max(0, size)
    draw = random.Random(1)
    count = max(2, min(1024, VALUES_BYTES // max(1, size)))
    return ["".join(draw.choices(string.ascii_letters, k=size)) for _ in range(count)]


class Load:
    """The same work as that of the other systems: see load/run.ts."""

    def __init__(self, store, shape, part):
        self.store = store
        fill = part == "fill"
        self.keys = 1 if shape["workload"] == "hot" else shape["keys"]
        self.requests = self.keys if fill else float("inf")
        self.seconds = float("inf") if fill else part["seconds"]
        self.stride = 1 if fill or self.keys % STRIDE == 0 else STRIDE
        self.clients = FILL_CLIENTS if fill else shape["clients"]
        self.values = values_of(shape["valueBytes"] - 2)
        self.latencies = []
        self.errors = 0
        self.first_error = None
        self.started = 0
        self.active = 0
        self.begun = 0.0
        self.answered_at = 0.0

    def begin(self):
        self.active = self.clients
        self.begun = self.answered_at = time.perf_counter()
        for _ in range(self.clients):
            self.ask(self.begun)

    def ask(self, now):
        if self.started >= self.requests or now - self.begun >= self.seconds:
            self.active -= 1
            return
        key = "key%013d" % (self.started * self.stride % self.keys)
        value = self.values[self.started % len(self.values)]
        self.started += 1

        def answered(_result, error):
            self.answered_at = then = time.perf_counter()
            if error:
                self.errors += 1
                self.first_error = self.first_error or f"error {error}"
            else:
                self.latencies.append(then - now)
            self.ask(then)

        self.store.put(key, value, callback=answered)

    def is_stuck(self):
        return time.perf_counter() - self.answered_at > STUCK_SECONDS

    def result(self):
        seconds = time.perf_counter() - self.begun
        found = sorted(self.latencies) or [float("nan")]

        def at(part):
            return 1000 * found[max(0, -int(-len(found) * part // 1) - 1)]

        return {
            "operations": len(self.latencies),
            "seconds": seconds,
            "errors": self.errors,
            "firstError": self.first_error,
            "p50Ms": at(0.5),
            "p99Ms": at(0.99),
            "p999Ms": at(0.999),
            "worstMs": at(1),
        }


class Node:
    def __init__(self):
        self.conf = None
        self.store = None
        self.load = None

    def answer(self, what, about):
        """Answers at once, but for `go`, whose answer comes at the end of the load."""
        if what == "open":
            self.conf = SyncObjConf(
                journalFile=about["journal"],
                autoTick=False,
                appendEntriesPeriod=IDLE_PERIOD,
                commandsQueueSize=1000000,
                raftMinTimeout=ELECTION_TIMEOUT[0],
                raftMaxTimeout=ELECTION_TIMEOUT[1],
                connectionTimeout=CONNECTION_TIMEOUT,
            )
            self.store = Store(about["nodeId"], about["partners"], self.conf)
            return None
        if what == "leads":
            status = self.store.getStatus()
            return status["state"] == 2 and status["last_applied"] == status["commit_idx"]
        if what == "prepare":
            self.load = Load(self.store, about["shape"], about["part"])
            return None
        raise ValueError(f"there is no answer to '{what}'")

    def tick(self):
        if self.load is not None and self.load.active > 0:
            self.store.doTick(BUSY_PERIOD)
        elif self.store is not None:
            self.store.doTick(0.01)
        else:
            time.sleep(0.01)


def say(**answer):
    print(json.dumps(answer), flush=True)


def main():
    questions = queue.Queue()

    def listen():
        for line in sys.stdin:
            questions.put(json.loads(line))
        questions.put(None)

    threading.Thread(target=listen, daemon=True).start()
    node = Node()
    under_way = False
    while True:
        node.tick()
        if under_way and (node.load.active == 0 or node.load.is_stuck()):
            under_way = False
            node.conf.appendEntriesPeriod = IDLE_PERIOD
            if node.load.active == 0:
                say(answer=node.load.result())
            else:
                say(error=f"no answer for {STUCK_SECONDS} s")
        if questions.empty():
            continue
        question = questions.get()
        if question is None:
            return
        what, about = question
        try:
            if what == "go":
                node.conf.appendEntriesPeriod = BUSY_PERIOD
                node.load.begin()
                under_way = True
            else:
                say(answer=node.answer(what, about))
        except Exception as error:
            say(error=repr(error))


main()
