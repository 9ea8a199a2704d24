-- Notes a range's progress.
--
-- KEYS  progress
-- ARGV  range field, epoch, progress (JSON), seconds to keep it
--
-- Answers 0 and has written nothing if another attempt took over.
if redis.call('HGET', KEYS[1], ARGV[1] .. ':epoch') ~= ARGV[2] then
    return 0
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[4])
return 1
