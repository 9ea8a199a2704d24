-- Forgets published findings of one slot group.
--
-- KEYS  fence, outbox
-- ARGV  epoch, then the product ids
--
-- Answers 0 and has written nothing if another attempt took over.
local fence = redis.call('GET', KEYS[1])
if fence and tonumber(fence) > tonumber(ARGV[1]) then
    return 0
end
for i = 2, #ARGV do
    redis.call('HDEL', KEYS[2], ARGV[i])
end
return 1
