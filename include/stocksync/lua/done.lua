-- Takes a range off the list: what it announced is written, published and cleared.
--
-- KEYS  progress, outboxes
-- ARGV  range field, epoch, outbox
--
-- Answers 0 and has written nothing if another attempt took over.
if redis.call('HGET', KEYS[1], ARGV[1] .. ':epoch') ~= ARGV[2] then
    return 0
end
redis.call('HDEL', KEYS[1], ARGV[1] .. ':slots')
redis.call('HDEL', KEYS[2], ARGV[3])
return 1
