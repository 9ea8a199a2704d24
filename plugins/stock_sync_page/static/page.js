// The page's script: theme and language as the UI's, what both stores hold now, and decisions, which it asks Airflow's
// REST API for as the person who is logged in. It writes text, never markup.
'use strict';
(() => {
  const root = document.documentElement;
  const up = root.dataset.up;
  const words = JSON.parse(root.dataset.words);
  const say = (key, values = {}) => (words[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => values[name] ?? '');
  const $ = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const count = new Intl.NumberFormat(root.lang);
  const number = n => (typeof n === 'number' ? count.format(n) : n);
  const signed = n => (n > 0 ? '+' : '') + number(n);
  const framed = window.parent !== window;
  const CONFIRM_ABOVE = 50;
  const AT_ONCE = 50;
  const DAG = `${up}../api/v2/dags/stock_sync_review`;
  const REVIEW = `${DAG}/dagRuns`;

  const make = (tag, text = '', className = '') => {
    const made = document.createElement(tag);
    made.textContent = text;
    if (className) made.className = className;
    return made;
  };

  // As model/address.py writes a name.
  const segment = name => {
    const quoted = encodeURIComponent(name).replace(/[!'()*]/g, c => '%' + c.charCodeAt(0).toString(16).toUpperCase());
    const safe = quoted.replaceAll('~', '%7E').replaceAll('%', '~');
    return /^\.+$/.test(safe) ? safe.replaceAll('.', '~2E') : safe;
  };

  const follow = () => {
    let dark = matchMedia('(prefers-color-scheme: dark)').matches;
    if (framed) dark = parent.document.documentElement.classList.contains('dark');
    root.dataset.theme = dark ? 'dark' : 'light';
  };
  follow();
  if (framed) {
    new MutationObserver(follow).observe(parent.document.documentElement, { attributes: true, attributeFilter: ['class'] });
  }
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', follow);

  const wanted = (localStorage.getItem('i18nextLng') ?? '').slice(0, 2);
  if (wanted && wanted !== root.lang && !sessionStorage.getItem(`language-${wanted}`)) {
    sessionStorage.setItem(`language-${wanted}`, '1'); // once: without cookies it would go on for ever
    document.cookie = `stock_sync_language=${wanted === 'ko' ? 'ko' : 'en'}; path=/; samesite=strict; max-age=31536000`;
    if ((wanted === 'ko' ? 'ko' : 'en') !== root.lang) location.reload();
  }

  // A link out of the page leads the UI there, not the frame.
  if (framed) {
    for (const link of all('a[data-ui]')) {
      link.addEventListener('click', event => {
        event.preventDefault();
        parent.history.pushState({}, '', link.href);
        parent.dispatchEvent(new PopStateEvent('popstate'));
      });
    }
  }

  const ask = async (address, options = {}) => {
    let answer;
    try {
      answer = await fetch(address, { headers: { Accept: 'application/json', 'Content-Type': 'application/json' }, ...options });
    } catch {
      throw new Error(say('unreachable'));
    }
    if (answer.ok) return answer.json();
    if (answer.status === 401) throw new Error(say('expired'));
    if (answer.status === 403) throw new Error(say('forbidden'));
    const said = await answer.json().catch(() => ({}));
    const detail = typeof said.detail === 'string' ? said.detail : JSON.stringify(said.detail ?? '');
    throw Object.assign(new Error(say('refused', { status: answer.status, error: detail.slice(0, 300) })), { status: answer.status });
  };

  /** What both stores hold now: `products`, a map, as a product may be called `constructor`; or `error`. */
  const presentOf = async ids => {
    const now = await ask(`${up}now?${ids.map(id => 'id=' + encodeURIComponent(id)).join('&')}`);
    return { ...now, products: new Map(Object.entries(now.products ?? {})) };
  };
  const problem = now => (now.error_kind === 'timeout' ? say('timeout', now) : say('failed', now));

  // --- what both stores hold now -----------------------------------------------------------------------------
  const panel = $('#now');
  const look = async () => {
    const put = (name, text, className = '') => {
      const place = $(`[data-now="${name}"]`, panel);
      place.textContent = text;
      if (name !== 'error') place.className = className;
    };
    put('error', '');
    for (const name of ['expected', 'redis', 'discrepancy']) put(name, '…');
    try {
      const now = await presentOf([panel.dataset.product]);
      if (now.error) throw new Error(problem(now));
      const product = now.products.get(panel.dataset.product);
      if (!product) return put('expected', say('gone'));
      put('expected', number(product.expected));
      put('redis', product.redis === null ? say('no_key') : number(product.redis));
      const d = product.discrepancy;
      put('discrepancy', d === null ? say('not_comparable') : d === 0 ? say('same') : signed(d), d < 0 ? 'over' : d === 0 ? 'well' : '');
    } catch (error) {
      for (const name of ['expected', 'redis', 'discrepancy']) put(name, '–');
      put('error', error.message);
    }
  };
  if (panel) {
    $('#again').addEventListener('click', look);
    look();
  }

  // --- decisions under way -----------------------------------------------------------------------------------
  const KEY = 'stock-sync-decisions';
  const jobs = () => JSON.parse(sessionStorage.getItem(KEY) ?? '[]');
  const keep = list => sessionStorage.setItem(KEY, JSON.stringify(list));
  const DONE = ['success', 'failed'];

  const draw = () => {
    const strip = $('#pending');
    strip.replaceChildren(...jobs().map(job => {
      const well = ['applied', 'kept', 'undone', 'agrees'];
      const partly = Object.keys(job.outcomes).some(name => !well.includes(name));
      const box = make('div', '', 'job' + (job.state === 'failed' ? ' failed' : job.state === 'success' ? (partly ? ' partly' : ' done') : ''));
      box.dataset.state = job.state;
      const outcomes = Object.entries(job.outcomes).map(([name, n]) => `${say('o_' + name)} ${number(n)}`).join(' · ');
      const state = job.problem ?? say(job.state === 'failed' ? 'failed_run' : job.state);
      box.append(make('b', `${say(job.kind)} · ${job.what}`), make('span', outcomes ? `${state}: ${outcomes}` : state, 'state'));
      const right = make('span', '', 'buttons');
      const details = make('a', say('details'));
      details.href = `${up}decisions/${segment(job.id)}`;
      right.append(details);
      if (DONE.includes(job.state)) {
        const dismiss = make('button', say('dismiss'), 'link');
        dismiss.type = 'button';
        dismiss.addEventListener('click', () => { keep(jobs().filter(other => other.id !== job.id)); draw(); });
        right.append(dismiss);
      }
      box.append(right);
      return box;
    }));
  };

  const refresh = async job => {
    const address = `${REVIEW}/${encodeURIComponent(job.id)}`;
    const [run, told] = await Promise.all([ask(address), ask(`${up}decisions/${segment(job.id)}?form=json`)]);
    const lock = run.state === 'running' && !Object.keys(told.outcomes).length ? await ask(`${address}/taskInstances/take_lock`) : {};
    const problem = lock.state === 'up_for_reschedule' ? say('waiting_for_run') : null;
    return { ...job, state: run.state, outcomes: told.outcomes, problem };
  };

  const watch = async () => {
    const before = jobs();
    const open = before.filter(job => !DONE.includes(job.state));
    if (!open.length) return;
    const fresh = new Map();
    for (const job of open) {
      try {
        fresh.set(job.id, await refresh(job));
      } catch (error) {
        fresh.set(job.id, { ...job, problem: `${say('lookup')} ${error.message}` });
      }
    }
    keep(jobs().map(job => fresh.get(job.id) ?? job));
    draw();
    const ended = [...fresh.values()].some(job => DONE.includes(job.state));
    if (ended && !$('dialog[open]')) location.reload(); // what is open has changed
    else setTimeout(watch, 1500);
  };
  draw();
  watch();

  // --- making a decision -------------------------------------------------------------------------------------
  const dialog = $('#decide');
  if (!dialog) return;
  const chosen = new Map(); // product id -> what the queue shows of it
  let asking = null;

  const row = (name, ...cells) => {
    const made = make('tr');
    const first = make('td');
    const isolated = make('bdi', name);
    first.append(isolated);
    made.append(first, ...cells.map(text => make('td', text, 'n')));
    return made;
  };

  const rowOf = (item, now, kind) => {
    const present = now?.get(item.product_id);
    if (now && !present) return row(item.product_id, say('gone'), '–', '–');
    const redis = present ? present.redis : item.key_missing ? null : item.redis_stock;
    const target = present ? present.expected : item.db_stock;
    const change = present ? present.discrepancy : item.discrepancy;
    const from = redis === null ? say('no_key') : number(redis);
    if (kind === 'keep') return row(item.product_id, from, from, '0');
    if (change === null) return row(item.product_id, from, say('not_comparable'), '–');
    return row(item.product_id, from, number(target), change === 0 ? '0' : signed(change));
  };

  const show = (lines, more) => {
    const body = $('#decide-what tbody');
    body.replaceChildren(...lines);
    if (more > 0) body.append(row(say('more', { n: number(more) }), '', '', ''));
  };

  const entitle = n => {
    asking.n = n;
    $('#decide-title').textContent = `${say(asking.kind)} · ${number(n)}`;
  };

  /** Nobody can have a difference restored that is none: such products are shown, and not asked for. */
  const asked = request => request.items.filter(item => request.kind !== 'restore' || item.seen !== 0);

  /** request: kind, and items (products with what is known), or missing (how many), or decision with its n. */
  const open = async request => {
    asking = { ...request, id: `page__${new Date().toISOString()}_${crypto.getRandomValues(new Uint32Array(1))[0].toString(36)}` };
    const { kind } = request;
    const n = request.items?.length ?? request.missing ?? request.n ?? 1;
    entitle(n);
    $('#decide-go').textContent = say(kind);
    $('#decide-says').textContent = $('#decide-says').dataset[kind];
    $('#decide-note').textContent = '';
    $('#decide-error').textContent = '';
    $('#decide-reason').value = '';
    $('#decide-until').value = '';
    $('#decide-count').value = '';
    $('#decide-until-field').hidden = kind !== 'keep';
    $('#decide-count-field').hidden = n <= CONFIRM_ABOVE;
    $('#decide-count-says').textContent = $('#decide-count-says').dataset.says.replace('{n}', n);
    if (request.missing) show([row(say('all_missing', { n: number(n) }), say('no_key'), '…', '…')], 0);
    else if (kind === 'undo' && !request.product) show([row(say('whole_decision'), '…', '…', '…')], 0);
    else if (kind === 'undo') show([row(request.product, number(request.after), number(request.before), signed(request.before - request.after))], 0);
    else show(request.items.slice(0, AT_ONCE).map(item => rowOf(item, null, kind)), n - AT_ONCE);
    ready();
    dialog.showModal();
    $('#decide-reason').focus();
    if (request.items && kind !== 'undo') await present(asking);
  };

  /** Show, and take for seen, what both stores hold now; where that is not known, what was found. */
  const present = async request => {
    if (request.items.length > AT_ONCE) {
      $('#decide-note').textContent = say('many');
      return;
    }
    request.reading = true;
    $('#decide-note').textContent = say('reading');
    ready();
    try {
      const now = await presentOf(request.items.map(item => item.product_id));
      if (asking !== request) return;
      if (now.error) throw new Error(problem(now));
      for (const item of request.items) {
        const d = now.products.get(item.product_id)?.discrepancy;
        if (typeof d === 'number') item.seen = d;
      }
      show(request.items.map(item => rowOf(item, now.products, request.kind)), 0);
      $('#decide-note').textContent = '';
      entitle(asked(request).length);
    } catch (error) {
      if (asking === request) $('#decide-note').textContent = `${say('recorded')} ${error.message}`;
    } finally {
      request.reading = false;
      if (asking === request) ready();
    }
  };

  const ready = () => {
    const counted = asking.n <= CONFIRM_ABOVE || $('#decide-count').value.replaceAll(',', '').trim() === String(asking.n);
    $('#decide-go').disabled = Boolean(asking.reading) || Boolean(asking.sent) || asking.n === 0 || $('#decide-reason').value.trim().length < 3 || !counted;
  };
  for (const id of ['#decide-reason', '#decide-count']) $(id).addEventListener('input', ready);
  $('#decide-cancel').addEventListener('click', () => dialog.close());
  dialog.addEventListener('close', () => { asking = null; });

  const conf = request => {
    const common = { decision: request.kind, reason: $('#decide-reason').value.trim() };
    if (request.kind === 'undo') return { ...common, decision_id: request.decision, ...(request.product ? { product_ids: [request.product] } : {}) };
    const until = request.kind === 'keep' && $('#decide-until').value ? { sleeps_until: $('#decide-until').value } : {};
    if (request.missing) return { ...common, ...until, select: 'missing_keys' };
    const items = asked(request);
    const seen = Object.fromEntries(items.map(item => [item.product_id, item.seen ?? item.discrepancy]));
    return { ...common, ...until, product_ids: items.map(item => item.product_id), seen };
  };

  $('form', dialog).addEventListener('submit', async event => {
    event.preventDefault();
    const request = asking;
    if (!request || request.sent) return;
    request.sent = true;
    ready();
    try {
      if ((await ask(DAG)).is_paused) throw new Error(say('paused'));
      const body = JSON.stringify({ dag_run_id: request.id, logical_date: null, conf: conf(request) });
      const run = await ask(REVIEW, { method: 'POST', body });
      const what = request.items?.length === 1 ? request.items[0].product_id : request.product ?? number(request.n);
      keep([...jobs(), { id: run.dag_run_id, kind: request.kind, what: what.slice(0, 60), state: run.state, outcomes: {}, problem: null }]);
      dialog.close();
      chosen.clear();
      for (const box of all('input[name=pick], #pick-page')) box.checked = false;
      draw();
      selection();
      watch();
    } catch (error) {
      request.sent = false;
      $('#decide-error').textContent = error.message;
      ready();
    }
  });

  // --- choosing products -------------------------------------------------------------------------------------
  const caseOf = box => JSON.parse(box.dataset.case);
  const selection = () => {
    const place = $('#selected');
    if (!place) return;
    place.textContent = chosen.size ? say('selected', { n: number(chosen.size) }) : '';
    for (const button of all('.actions [data-decide]')) button.disabled = chosen.size === 0;
  };
  const take = box => {
    const item = caseOf(box);
    if (box.checked) chosen.set(item.product_id, item);
    else chosen.delete(item.product_id);
  };
  for (const box of all('input[name=pick]')) box.addEventListener('change', () => { take(box); selection(); });
  $('#pick-page')?.addEventListener('change', event => {
    for (const box of all('input[name=pick]')) { box.checked = event.target.checked; take(box); }
    selection();
  });
  $('#select-all')?.addEventListener('click', async () => {
    try {
      const { products } = await ask(`${up}reviews/matching${location.search}`);
      for (const item of products) chosen.set(item.product_id, item);
      for (const box of all('input[name=pick]')) box.checked = true;
      selection();
    } catch (error) {
      $('#selected').textContent = error.message;
    }
  });
  for (const button of all('[data-decide]')) {
    button.addEventListener('click', () => {
      const kind = button.dataset.decide;
      const { missing, decision, product, before, after, n } = button.dataset;
      if (decision) open({ kind, decision, product, before: Number(before), after: Number(after), n: Number(n ?? 1) });
      else if (missing) open({ kind, missing: Number(missing) });
      else if (button.dataset.one !== undefined) open({ kind, items: [caseOf(button.closest('[data-case]'))] });
      else open({ kind, items: [...chosen.values()] });
    });
  }
  selection();
})();
