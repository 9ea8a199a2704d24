-- Forgets published findings and notes the range's progress, in one step.
--
-- KEYS  progress, outbox, outboxes
-- ARGV  writer field, writer, range field, progress (JSON), seconds to keep it, then the product ids
--
-- Answers 0 and has written nothing if another attempt is the writer now.
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then
    return 0
end
redis.call('HSET', KEYS[1], ARGV[3], ARGV[4])
redis.call('EXPIRE', KEYS[1], ARGV[5])
for i = 6, #ARGV do
    redis.call('HDEL', KEYS[2], ARGV[i])
end
if redis.call('EXISTS', KEYS[2]) == 0 then
    redis.call('HDEL', KEYS[3], KEYS[2])
end
return 1
