-- Refuses older attempts in one slot group from now on, and answers what they recorded there, in one step.
--
-- KEYS  fence, outbox
-- ARGV  epoch, seconds to keep the fence
--
-- Answers {"superseded"} if a younger attempt did so already, else names and values one after the other.
local fence = redis.call('GET', KEYS[1])
if fence and tonumber(fence) > tonumber(ARGV[1]) then
    return {'superseded'}
end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return redis.call('HGETALL', KEYS[2])
