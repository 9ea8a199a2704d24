"""The bugs of `make mutants`: each a plausible mistake, and the tests that should see it first."""

from dataclasses import dataclass

UNIT = "tests/unit"
ATTEMPTS, RECONCILE, POLICY = f"{UNIT}/test_attempts.py", f"{UNIT}/test_reconcile.py", f"{UNIT}/test_policy.py"
ORDERS, WRITER = "tests/faults/test_orders.py", "tests/faults/test_one_writer.py"
RULES, KILLS = "tests/integration/test_rules_on_real_stores.py", "tests/chaos/test_kills.py"
LEDGER = "tests/integration/test_ledger"
OUTBOX, CLUSTER = "tests/integration/test_cache_and_outbox.py", "tests/integration/test_cluster.py"
GONE = f"{KILLS}::test_the_alerts_of_a_worker_that_never_comes_back_are_published_and_counted"
COMMIT, SERVICE, LOOK = "lua/commit.lua", "reconcile/reconciler.py", "reconcile/second_look.py"
PARTIAL, NEXT = f"{UNIT}/test_partial_work.py", "tests/integration/test_next_night.py"
QUEUE = "reconcile/settle_queue.py"
LESS_HOLDS = "adapters/ledger_less_holds.py"
HOLDS, HELD_COLUMN = "tests/integration/test_redis_holds.py", "tests/integration/test_held_column.py"


@dataclass(frozen=True)
class Bug:
    """Of `file`, `old` becomes `new`."""

    name: str
    file: str
    old: str
    new: str
    guards: tuple[str, ...]


def bug(name, file, old, new, *guards):
    return Bug(name, file, old, new, guards)


NO_BUG = bug("none at all", "__init__.py", "stock-sync: compares", "stock-sync: compares", POLICY)
BUGS = [
    NO_BUG,
    # --- restoring ---
    bug("blind SET", COMMIT, "if as_expected and in_time then", "if in_time then", ORDERS),
    bug("KEEPTTL dropped", COMMIT, ", 'KEEPTTL')", ")", RULES),
    bug("lock check removed", COMMIT, "if redis.call('GET', KEYS[3]) ~= ARGV[2] then", "if false then", OUTBOX),
    bug(
        "epoch ignored",
        COMMIT,
        "if fence and tonumber(fence) > tonumber(ARGV[1]) then",
        "if false then",
        OUTBOX,
    ),
    bug("no fence", "lua/fence.lua", "redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])", "", OUTBOX),
    bug(
        "repeated call not recognized",
        COMMIT,
        "if redis.call('HEXISTS', KEYS[2], id) == 1 then",
        "if false then",
        OUTBOX,
    ),
    bug("outbox not listed", "lua/begin.lua", "redis.call('HSET', KEYS[3], ARGV[5], ARGV[6])", "", GONE),
    bug(
        "nothing announced",
        "adapters/redis_outbox.py",
        "                json.dumps(announced),\n",
        "                json.dumps([]),\n",
        OUTBOX,
    ),
    bug(
        "only the latest announced",
        "adapters/redis_outbox.py",
        "sorted({*slots, *self._announced})",
        "sorted(slots)",
        CLUSTER,
    ),
    bug(
        "announced without the lock",
        "lua/begin.lua",
        "if redis.call('GET', KEYS[1]) ~= ARGV[1] then",
        "if false then",
        OUTBOX,
    ),
    bug(
        "announced by anybody",
        "lua/begin.lua",
        "if redis.call('HGET', KEYS[2], ARGV[2] .. ':epoch') ~= ARGV[3] then",
        "if false then",
        OUTBOX,
    ),
    bug("decisions live for ever", COMMIT, "<= tonumber(ARGV[3])", "> 0", OUTBOX),
    bug(
        "others' decisions not waited for",
        "adapters/redis_outbox.py",
        "            time.sleep(early)\n",
        "            pass\n",
        OUTBOX,
    ),
    bug(
        "a moving slot counts as written",
        "adapters/redis_outbox.py",
        'NOT_NOW:\n                continue\n            if answer == [b"lock lost"]:',
        'NOT_NOW:\n                answer = [1] * len(some)\n            if answer == [b"lock lost"]:',
        CLUSTER,
    ),
    bug(
        "the node's epoch not looked at",
        "adapters/redis_cluster_watch.py",
        'grown = self._epoch != facts[b"cluster_my_epoch"]',
        "grown = False",
        CLUSTER,
    ),
    bug(
        "told of before it was copied",
        "adapters/redis_cluster_space.py",
        "                failures.append(not_copied(",
        "                list((not_copied)(",
        "tests/faults/test_failover.py",
    ),
    bug("restore not recorded", COMMIT, "redis.call('HSET', KEYS[2], id, record)", "", GONE),
    bug(
        "unfenced clear",
        "lua/clear.lua",
        "if fence and tonumber(fence) > tonumber(ARGV[1]) then",
        "if false then",
        OUTBOX,
    ),
    bug(
        "progress noted by anybody",
        "lua/note.lua",
        "if redis.call('HGET', KEYS[1], ARGV[1] .. ':epoch') ~= ARGV[2] then",
        "if false then",
        OUTBOX,
    ),
    bug(
        "the version before writes on",
        "lua/take_over.lua",
        "redis.call('HDEL', KEYS[1], ARGV[1] .. ':writer')",
        "",
        OUTBOX,
    ),
    bug(
        "what wrote nothing stays listed",
        "adapters/redis_outbox.py",
        "        if self._listed and not left:\n            self._done()",
        "        if self._listed and not left:\n            pass",
        OUTBOX,
    ),
    # --- the lock ---
    bug(
        "unconditional lock delete",
        "lua/release.lua",
        "if redis.call('GET', KEYS[1]) == ARGV[1] then",
        "if true then",
        WRITER,
    ),
    bug(
        "a stranger's lock taken",
        "adapters/redis_lock.py",
        "if self._client.set(self.key, self.token, nx=True, ex=SECONDS):\n                return\n",
        "if self._client.set(self.key, self.token, ex=SECONDS):\n                return\n",
        WRITER,
    ),
    bug("own lock not known again", "adapters/redis_lock.py", "if holder == self.token.encode():", "if False:", KILLS),
    # --- looking ---
    bug("settle skipped", QUEUE, "wait = settle if group.suspects else 0.0", "wait = 0.0", RECONCILE),
    bug("second look not compared", LOOK, "same = untouched and expected.steady and (", "same = True or (", RECONCILE),
    bug("came back counts as still", LOOK, "same = untouched and expected.steady", "same = expected.steady", RECONCILE),
    bug(
        "watch forgets to forget",
        "adapters/redis_watch.py",
        "            self._untouched.difference_update(keys)\n        return _TOLD",
        "            pass\n        return _TOLD",
        "tests/faults/test_watch.py",
    ),
    bug(
        "watch believes the answer before the turn is over",
        "adapters/redis_watch.py",
        "_TURNS = 2",
        "_TURNS = 0",
        "tests/faults/test_watch.py",
    ),
    bug("moving looked at too soon", SERVICE, "            self._let_settle()\n", "", RECONCILE),
    bug("moving forgotten", LOOK, "if product_id not in still])", "])", RECONCILE),
    bug(
        "watch trusts a new connection",
        "adapters/redis_watch.py",
        "        self._untouched.clear()\n        connection",
        "        connection",
        "tests/faults/test_watch.py",
    ),
    bug("moving dropped", SERVICE, "moving=tuple(moving),", "moving=(),", RECONCILE),
    bug("late, and not late again", "reconcile/time_left.py", "0.0 if self._over else ", "", RECONCILE, PARTIAL),
    # --- work that is cut short ---
    bug("checkpoints by size only", "reconcile/first_look.py", " or monotonic() - begun >= seconds:", ":", PARTIAL),
    bug(
        "no time kept for the second look", SERVICE, "closing=self._settle + self._sizes.closing", "closing=0", PARTIAL
    ),
    bug(
        "what the ledger cut is dropped",
        "reconcile/scan.py",
        "self.failure = error\n            return",
        "raise",
        PARTIAL,
    ),
    bug(
        "a cut scan looks whole",
        "reconcile/scan.py",
        "if self._seconds() == 0:\n                    return",
        "if self._seconds() == 0:\n                    break",
        PARTIAL,
    ),
    bug("the pace sleeps on", "reconcile/time_left.py", "min(seconds, self.seconds())", "seconds", PARTIAL),
    bug(
        "cleared means from the beginning",
        "model/progress.py",
        "(self.done and self.pass_number",
        "(self.pass_number",
        PARTIAL,
    ),
    bug("another cut's position", "model/progress.py", "if another_range or (", "if (", PARTIAL),
    bug(
        "a pass that never ends",
        "model/progress.py",
        "return replace(self, cut=cut, pass_number=pass_number)",
        "return replace(self, cut=cut)",
        PARTIAL,
    ),
    bug(
        "the begun before the waiting",
        "model/progress.py",
        "[*waiting, *begun, *finished]",
        "[*begun, *waiting, *finished]",
        PARTIAL,
    ),
    bug("the first leg again", SERVICE, "leg=progress.leg + (leg_ends and not range_ends),", "leg=0,", PARTIAL),
    bug(
        "nothing left to the next",
        "reconcile/close_run.py",
        "self._unfinished.note(left_first(ranges, every))",
        "pass",
        NEXT,
    ),
    bug(
        "unreadable is green",
        "model/summary.py",
        "return 2 * invalid > total",
        "return False",
        f"{UNIT}/test_summary.py",
    ),
    bug(
        "an empty cache is green",
        "reconcile/close_run.py",
        "lost=empty_cache and not self._refills,",
        "lost=False,",
        f"{UNIT}/test_summary.py",
    ),
    bug(
        "Java is binary",
        "model/specimen.py",
        "(Resemblance.JAVA, _starts(",
        "(Resemblance.BINARY, _starts(",
        f"{UNIT}/test_specimen.py",
    ),
    bug(
        "a pause beyond the run",
        "entrypoints/retries.py",
        "datetime.now(UTC) + longest_pause(ti.task, ti.try_number) < until",
        "True",
        f"{UNIT}/test_retries.py",
    ),
    # --- the rules ---
    bug(
        "missing means matched",
        "model/policy.py",
        "if key_missing and rules.missing_key_policy is MissingKeyPolicy.IGNORE:",
        "if key_missing:",
        POLICY,
    ),
    bug(
        "limit exclusive",
        "model/policy.py",
        "abs(discrepancy) <= rules.auto_restore_limit",
        "abs(discrepancy) < rules.auto_restore_limit",
        POLICY,
    ),
    bug("sign kept for severity", "model/policy.py", "size = abs(discrepancy)", "size = discrepancy", POLICY),
    bug(
        "sign kept for action",
        "model/policy.py",
        "restored = abs(discrepancy) <=",
        "restored = discrepancy <=",
        POLICY,
    ),
    bug("leading zeros are numbers", "model/stock.py", 'rb"0|-?[1-9][0-9]{0,9}"', 'rb"-?[0-9]{1,10}"', POLICY, RULES),
    bug(
        "another type is a missing key",
        "adapters/redis_cache.py",
        "typed[position] = Unreadable.WRONG_TYPE",
        "pass",
        RULES,
    ),
    bug(
        "no key counts as missing where any other is there",
        "adapters/redis_cache.py",
        "if not self._client.exists(",
        "if self._client.exists(",
        "tests/integration/test_round_trips.py",
    ),
    bug(
        "null stock is zero",
        "adapters/postgres_copy.py",
        "[_NO_NUMBER.get(stock, stock) for stock in stocks]",
        '[b"0" if stock in _NO_NUMBER else stock for stock in stocks]',
        RULES,
    ),
    bug(
        "escapes kept in ids",
        "adapters/postgres_copy.py",
        'parts[position] = head + b"".join',
        'parts[position] = part or b"".join',
        RULES,
    ),
    # --- telling ---
    bug(
        "published before restored",
        SERVICE,
        "        written = stores.outbox.commit(",
        "        stores.publisher.publish(self._plan.identity, [p.finding for p in proposals])\n"
        "        written = stores.outbox.commit(",
        RECONCILE,
        ATTEMPTS,
    ),
    bug(
        "outbox cleared before the acknowledgement",
        SERVICE,
        "        if findings:\n            self._stores.publisher",
        "        if findings:\n"
        "            self._stores.outbox.clear([f.product_id for f in findings], self._progress)\n"
        "            self._stores.publisher",
        ATTEMPTS,
    ),
    bug(
        "progress noted before published",
        SERVICE,
        "        if findings:\n            self._stores.publisher",
        "        if findings:\n            self._stores.outbox.clear([], progress)\n            self._stores.publisher",
        ATTEMPTS,
    ),
    bug(
        "flush's remainder ignored",
        "adapters/kafka.py",
        "if acknowledged < len(findings):",
        "if False:",
        f"{UNIT}/test_kafka_publisher.py",
    ),
    bug(
        "time in the event id",
        "model/finding.py",
        "{run_id}\\x1f{moment}",
        "{run_id}\\x1f{uuid.uuid1()}",
        ATTEMPTS,
    ),
    bug(
        "a recovered group is counted again",
        "model/progress.py",
        "group=max(begun.group, last_group) + 1",
        "group=begun.group + 1",
        f"{UNIT}/test_drain.py",
    ),
    bug(
        "what is committed last is not closed at the end of the time",
        SERVICE,
        "            self._close()\n            if scan.failure",
        "            if scan.failure",
        ATTEMPTS,
        PARTIAL,
    ),
    bug("the id is no UUID", "model/finding.py", "{_VARIANT[h[16]]}", "{h[16]}", f"{UNIT}/test_finding.py"),
    bug(
        "a number below zero is another one on the topic",
        "adapters/avro_fields.py",
        "(-number << 1) - 1",
        "-number << 1",
        "tests/contract/test_event.py",
    ),
    bug(
        "time of the attempt in the event",
        SERVICE,
        "detected_at_ms=self._progress.started_ms,",
        "detected_at_ms=int(self._stores.clock.now().timestamp() * 1000),",
        ATTEMPTS,
    ),
    # --- going on after a death ---
    bug(
        "journal over the writer's note",
        SERVICE,
        "left.noted or stores.journal.load() or",
        "stores.journal.load() or left.noted or",
        ATTEMPTS,
    ),
    bug(
        "leftovers of the group in work forgotten",
        "reconcile/recovery.py",
        "if entry.group >= progress.group",
        "if entry.group > progress.group",
        ATTEMPTS,
    ),
    bug(
        "leftovers not counted",
        "reconcile/recovery.py",
        "return self.counted_in(progress)",
        "return progress",
        ATTEMPTS,
    ),
    bug("counted ahead ignored", SERVICE, "frozenset(progress.counted_ahead)", "frozenset()", ATTEMPTS),
    bug("position included", "adapters/postgres.py", 'compared(">", after)', 'compared(">=", after)', KILLS),
    # --- the ledger ---
    bug(
        "several rows are so many products",
        "adapters/postgres.py",
        '"one_row_each" if self._is_unique else',
        '"one_row_each" if True else',
        f"{LEDGER}_several_rows.py",
    ),
    bug("a partial index vouches", "sql/is_unique.sql", "AND i.indpred IS NULL", "", f"{LEDGER}_several_rows.py"),
    bug(
        "two spellings are two products",
        "reconcile/preconditions.py",
        "(spelled[product_id] for product_id in asked)",
        "(product_id for product_id in asked)",
        f"{LEDGER}_spelling.py",
    ),
    bug(
        "policies filter in silence",
        "adapters/postgres.py",
        "row_security = off",
        "row_security = on",
        f"{LEDGER}_row_security.py",
    ),
    bug("no reconnect", "adapters/postgres_session.py", "if not idle.closed:", "if True:", f"{LEDGER}_errors.py"),
    bug(
        "a standby's isolation",
        "adapters/postgres_session.py",
        'isolation_level="READ COMMITTED", ',
        "",
        "tests/faults/test_standby.py",
    ),
    bug(
        "a wrong password may pass",
        "adapters/postgres_errors.py",
        'r"password authentication failed|',
        'r"',
        f"{LEDGER}_connection.py",
    ),
    bug("drain skipped", "reconcile/recovery.py", "    if left.pending:", "    if False:", f"{UNIT}/test_drain.py"),
    # --- adding up ---
    bug(
        "tally merge loses a count",
        "model/tally.py",
        "matched=self.matched + other.matched",
        "matched=max(self.matched, other.matched)",
        f"{UNIT}/test_tally.py",
    ),
    bug(
        "a red range ends green",
        "reconcile/close_run.py",
        "if not (every_range_returned and published) or lost",
        "if not published or lost",
        GONE,
    ),
    bug(
        "much that kept changing ends green",
        "reconcile/close_run.py",
        " or changed_too_much(tally.changed, tally.products):",
        ":",
        f"{UNIT}/test_summary.py",
    ),
    bug(
        "dry run writes",
        "bootstrap.py",
        "NoOutbox() if plan.dry_run else self.outbox_of",
        "self.outbox_of",
        RULES,
    ),
    bug(
        "dry run publishes",
        "bootstrap.py",
        "NoPublisher() if plan.dry_run else self.topic",
        "self.topic",
        RULES,
    ),
    bug(
        "pace dropped", "bootstrap.py", "pace=settings.pace(id_range.of),", "pace=None,", f"{UNIT}/test_progress_log.py"
    ),
    bug(
        "every outbox drained, whoever works",
        "reconcile/recovery.py",
        "if listed.run.run_id != run_id and at_work(listed.run):",
        "if False:",
        f"{UNIT}/test_drain.py",
    ),
    # --- holds ---
    bug("holds not taken off", LESS_HOLDS, "stock=less_holds(bare.stock, held[i])", "stock=bare.stock", HOLDS),
    bug("holds not taken off in the scan", LESS_HOLDS, "return LedgerBatch(batch.ids, stocks)", "return batch", HOLDS),
    bug(
        "every hold alive",
        LESS_HOLDS,
        "entry.hold.key is None or next(exist) for",
        "next(exist, True) or True for",
        HOLDS,
    ),
    bug("holds not looked at again", LESS_HOLDS, "if not there or before != after:", "if not there:", HOLDS),
    bug("a hold that went not noticed", LESS_HOLDS, "if not there or before != after:", "if before != after:", HOLDS),
    bug("an entry given twice counts twice", LESS_HOLDS, "list({e.raw: e for", "list({id(e): e for", HOLDS),
    bug("entries nobody can read passed over", LESS_HOLDS, "if survey.unreadable:", "if False:", HOLDS),
    bug("text that is no id passed over", LESS_HOLDS, "if hold.product_id in self._strange:", "if False:", HOLDS),
    bug(
        "any number of unreadable entries",
        "model/holds.py",
        "return unreadable * 100 > entries * UNREADABLE_PERCENT",
        "return False",
        HOLDS,
    ),
    bug("vanished holds believed", "model/holds.py", "return entries == 0 and had_holds", "return False", HOLDS),
    bug(
        "holds of the run's begin forgotten",
        "bootstrap.py",
        "bool(entries or units_before)",
        "bool(units_before)",
        HOLDS,
    ),
    bug(
        "doubt restored upwards",
        "model/expected.py",
        "return difference.action is Action.REDIS_RESTORED or ",
        "return ",
        HOLDS,
    ),
    bug("doubt asks people", "model/expected.py", " or difference.discrepancy <= self.in_doubt", "", HOLDS),
    bug("doubt hides what is too large", "model/expected.py", "if difference.discrepancy < 0 or ", "if ", HOLDS),
    bug(
        "holds that moved believed",
        LOOK,
        "untouched and expected.steady and",
        "untouched and",
        RECONCILE,
    ),
    bug(
        "disbelieved holds end green",
        "reconcile/close_run.py",
        "if unprocessed or tally.disbelieved or",
        "if unprocessed or",
        HOLDS,
    ),
    bug(
        "a hold of null is none",
        "adapters/postgres.py",
        "CASE WHEN {stock} >= {held} THEN {stock} - {held} END",
        "{stock} - coalesce({held}, 0)",
        HELD_COLUMN,
    ),
    bug("holds not told", "adapters/event_codec.py", "if finding.held is not None:", "if finding.held:", HELD_COLUMN),
]
