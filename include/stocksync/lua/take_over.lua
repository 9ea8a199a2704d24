-- Makes the caller the one attempt that may write to a range.
--
-- KEYS  progress
-- ARGV  range field, seconds to keep it
--
-- Answers {epoch, the slot groups that the attempt before announced, progress}, the last two nil where there are none.
-- The epoch is larger than any before, also than one that a failover lost: hence the server's clock.
local field = ARGV[1] .. ':epoch'
local now = redis.call('TIME')
local last = tonumber(redis.call('HGET', KEYS[1], field) or '0')
local epoch = string.format('%.0f', math.max(last + 1, now[1] * 1000000 + now[2]))
redis.call('HSET', KEYS[1], field, epoch)
redis.call('HDEL', KEYS[1], ARGV[1] .. ':writer') -- an attempt of the version before, which asks for its own name there
redis.call('EXPIRE', KEYS[1], ARGV[2])
return {epoch, redis.call('HGET', KEYS[1], ARGV[1] .. ':slots'), redis.call('HGET', KEYS[1], ARGV[1])}
