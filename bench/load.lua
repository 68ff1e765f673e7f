-- The script of wrk: asks for paths in turn; prints one line of JSON at the end.
--
--   wrk ... -s load.lua URL -- file FILE [LIMIT]             the paths of a file, one per line
--   wrk ... -s load.lua URL -- numbers COUNT FIRST [LIMIT]   /x/<n>, n = FIRST, FIRST + 1, ... modulo
--                                                            COUNT
--
-- After LIMIT replies wrk ends at once and says only so. One thread only.

local asked = 0

local function ask_paths(file)
   local requests = {}
   for path in io.lines(file) do
      requests[#requests + 1] = wrk.format("GET", path)
   end
   local count = #requests
   request = function()
      asked = asked + 1
      return requests[asked % count + 1]
   end
end

local function ask_numbers(count, first)
   local before, after = wrk.format("GET", "/x/@"):match("^(.-)@(.*)$")
   request = function()
      asked = asked + 1
      return before .. string.format("%d", (first + asked) % count) .. after
   end
end

local function stop_after(limit)
   local answered = 0
   response = function()
      answered = answered + 1
      if answered == limit then
         print("limit reached")
         os.exit(0) -- wrk.thread:stop() would leave wrk asleep until its time is up
      end
   end
end

function init(args)
   local limit
   if args[1] == "file" then
      ask_paths(args[2])
      limit = args[3]
   else
      ask_numbers(tonumber(args[2]), tonumber(args[3]))
      limit = args[4]
   end
   if limit then
      stop_after(tonumber(limit))
   end
end

function done(summary, latency)
   local errors = summary.errors
   io.write(string.format(
      '{"requests": %d, "seconds": %.6f, "p99_ms": %.3f, "not_2xx": %d, "failed": %d}\n',
      summary.requests, summary.duration / 1e6, latency:percentile(99) / 1e3, errors.status,
      errors.connect + errors.read + errors.write + errors.timeout))
end
