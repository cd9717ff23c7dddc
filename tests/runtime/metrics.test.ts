import { Metrics, READINGS, type Readings } from '../../kv/runtime/metrics';

const zeros = Object.fromEntries(Object.keys(READINGS).map((name) => [name, 0])) as Readings;

function metricsOf(readings: Partial<Readings> = {}, ofProcess = false) {
  return new Metrics({ read: () => ({ ...zeros, ...readings }), ofProcess });
}

/** The samples of a scrape, by name and labels, read by a dumb parser of the text format. */
async function samples(metrics: Metrics): Promise<Map<string, number>> {
  const { text } = await metrics.scrape();
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const match = /^([a-z_]+(?:\{[^}]*\})?) ([^ ]+)$/.exec(line);
      if (!match) throw new Error(`not a sample: ${line}`);
      return [match[1] as string, Number(match[2])];
    }),
  );
}

test('requests are counted by kind and outcome', async () => {
  const metrics = metricsOf();
  for (let i = 0; i < 3; i++) metrics.observe('put', 'ok', 1);
  metrics.observe('put', 'no_quorum', 1);
  metrics.observe('get', 'not_found', 1);
  const found = await samples(metrics);
  const counts = [...found].filter(([name]) => name.startsWith('quorum_kv_requests_total'));
  expect(counts).toEqual([
    ['quorum_kv_requests_total{kind="put",outcome="ok"}', 3],
    ['quorum_kv_requests_total{kind="put",outcome="no_quorum"}', 1],
    ['quorum_kv_requests_total{kind="get",outcome="not_found"}', 1],
  ]);
});

test('durations fall into the right buckets, in seconds', async () => {
  const metrics = metricsOf();
  for (const ms of [0.4, 1, 1.5, 300, 60_000]) metrics.observe('append', 'ok', ms);
  const found = await samples(metrics);
  const upTo = (bound: string) =>
    found.get(`quorum_kv_request_duration_seconds_bucket{le="${bound}",kind="append"}`);
  expect(['0.0005', '0.001', '0.002', '0.2', '0.5', '10', '+Inf'].map(upTo)).toEqual([
    1, 2, 3, 3, 4, 4, 5,
  ]);
  expect(found.get('quorum_kv_request_duration_seconds_count{kind="append"}')).toBe(5);
  expect(found.get('quorum_kv_request_duration_seconds_sum{kind="append"}')).toBeCloseTo(60.3029);
});

test('every reading is there, times in seconds', async () => {
  const names = Object.keys(READINGS) as (keyof Readings)[];
  const given = Object.fromEntries(names.map((name, i) => [name, 1000 * (i + 1)])) as Readings;
  const found = await samples(metricsOf(given));
  for (const name of names) {
    const seconds = READINGS[name].name.endsWith('_seconds');
    const expected = seconds ? given[name] / 1000 : given[name];
    expect([name, found.get(`quorum_kv_${READINGS[name].name}`)]).toEqual([name, expected]);
  }
});

test('readings are taken at the time of the scrape, once', async () => {
  let reads = 0;
  const metrics = new Metrics({
    read: () => ({ ...zeros, fsyncs: ++reads * 10 }),
    ofProcess: false,
  });
  expect((await samples(metrics)).get('quorum_kv_fsyncs_total')).toBe(10);
  expect((await samples(metrics)).get('quorum_kv_fsyncs_total')).toBe(20);
  expect(reads).toBe(2);
});

test('a reading that is no number leaves the rest of the scrape alone', async () => {
  const found = await samples(metricsOf({ term: Number.NaN, keys: 7 }));
  expect(found.get('quorum_kv_keys')).toBe(7);
});

test('names are typed as Prometheus wants them', async () => {
  const { text, contentType } = await metricsOf().scrape();
  expect(contentType).toBe('text/plain; version=0.0.4; charset=utf-8');
  for (const [, name, type] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
    expect([name, type === 'counter']).toEqual([name, name?.endsWith('_total')]);
  }
  for (const { name, help } of Object.values(READINGS)) {
    expect(text).toMatch(`# HELP quorum_kv_${name} ${help}\n`);
  }
});

test('two nodes in one process do not share numbers', async () => {
  const [one, other] = [metricsOf(), metricsOf()];
  one.observe('put', 'ok', 1);
  expect((await samples(other)).has('quorum_kv_requests_total{kind="put",outcome="ok"}')).toBe(
    false,
  );
});

test('the numbers of the process come on request', async () => {
  const { text } = await metricsOf({}, true).scrape();
  expect(text).toMatch(/^process_resident_memory_bytes [1-9]/m);
  expect(text).toMatch(/^process_cpu_seconds_total /m);
  expect((await metricsOf().scrape()).text).not.toMatch('process_');
});
