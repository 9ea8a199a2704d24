-- Announces the slot groups that an attempt is about to write to: its successor reads them and shuts it out there.
--
-- KEYS  lock, progress, outboxes
-- ARGV  token, range field, epoch, slot groups (JSON), outbox, what the outboxes hash says of it, seconds to keep
--
-- Answers "lock lost" or "superseded" and has written nothing, or "go".
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
    return 'lock lost'
end
if redis.call('HGET', KEYS[2], ARGV[2] .. ':epoch') ~= ARGV[3] then
    return 'superseded'
end
redis.call('HSET', KEYS[2], ARGV[2] .. ':slots', ARGV[4])
redis.call('EXPIRE', KEYS[2], ARGV[7])
redis.call('HSET', KEYS[3], ARGV[5], ARGV[6])
return 'go'
